//! `broker`: the embedded broker until somebody stops it.

use std::{thread, time::Duration};

use crate::{
    args::Broker,
    broker::{BrokerSettings, EmbeddedBroker},
    exit::{Exit, Failure, OrExit as _, Outcome},
    stop::Stop,
};

pub(crate) fn broker(args: &Broker) -> Outcome {
    let stop = Stop::on_signals().or_io(|| "could not catch signals".to_owned())?;
    let settings = BrokerSettings { address: args.listen, websocket: args.websocket };
    let broker = EmbeddedBroker::start(settings).map_err(Failure::io)?;
    println!("serving MQTT 3.1.1 and 5 at {}", broker.url());
    if let Some(address) = broker.websocket {
        println!("serving MQTT over WebSocket at ws://{address}/mqtt");
    }
    println!("an embedded broker for demos and tests: everything is in memory; Ctrl-C stops it");
    while !stop.asked() {
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Exit::Passed)
}
