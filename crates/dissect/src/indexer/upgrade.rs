//! Through the HTTP upgrade that goes before the frames of a WebSocket; its requests and answers get rows.

use mqscope_stream::Direction;
use mqscope_websocket::Deflate;
use mqscope_websocket::handshake::{Request, Response};

use super::Visitor;
use super::feed::{Desk, Interest};
use crate::connection::{Connection, Head};
use crate::resync::Trust;
use crate::websocket::{Asked, Stage, Upgrade, WebSocket, Wish, body_len, body_len_of_request};
use crate::{Breach, CarrierMessage};

impl<V: Visitor> Desk<'_, V> {
    /// Reads requests and responses, as far as they have come.
    pub(super) fn upgrade(&mut self, connection: &mut Connection, websocket: &mut WebSocket) -> Interest {
        let client = websocket.client;
        loop {
            let Stage::Upgrading(upgrade) = &mut websocket.stage else { return Interest::Some };
            if upgrade.asked.is_none() {
                match self.request(connection, upgrade, client) {
                    Step::Done => {}
                    Step::Wait => return Interest::Some,
                    Step::Over => return Interest::None,
                }
            }
            match self.response(connection, upgrade, client) {
                Answer::Wait => return Interest::Some,
                Answer::Over => return Interest::None,
                Answer::Again => {}
                Answer::Upgraded(deflate) => {
                    let Stage::Upgrading(upgrade) =
                        std::mem::replace(&mut websocket.stage, WebSocket::open(client, deflate))
                    else {
                        return Interest::None;
                    };
                    return self.drain(connection, websocket, &upgrade);
                }
            }
        }
    }

    /// Hands what came behind a handshake to the frames it began.
    pub(super) fn drain(
        &mut self,
        connection: &mut Connection,
        websocket: &mut WebSocket,
        upgrade: &Upgrade,
    ) -> Interest {
        let Stage::Open(ways) = &mut websocket.stage else { return Interest::None };
        let mut interest = Interest::Some;
        for direction in [websocket.client, websocket.client.opposite()] {
            for piece in upgrade.heads[direction as usize].pieces() {
                if interest == Interest::Some {
                    interest = self.frames(connection, &mut ways[direction as usize], direction, piece);
                }
            }
        }
        interest
    }

    fn request(&mut self, connection: &mut Connection, upgrade: &mut Upgrade, client: Direction) -> Step {
        let head = &mut upgrade.heads[client as usize];
        let (asked, body, len) = match Request::parse(head.bytes()) {
            Ok(Some((request, len))) => (Asked::by(&request), body_len_of_request(&request), len),
            Ok(None) if !head.is_full() => return Step::Wait,
            _ => return Step::Over,
        };
        if let Asked::Upgrade(wish) = &asked {
            connection.carrier.hold(head.message(CarrierMessage::HttpRequest, client, len));
            if wish.names_subprotocol() {
                connection.carrier.trust = Trust::Known;
            }
        }
        upgrade.is_other = matches!(asked, Asked::Other { .. });
        head.forget(len);
        // Without a length there is no telling where the next request begins.
        let Some(body) = body else { return Step::Over };
        upgrade.pass_over_body(client, Some(body));
        upgrade.end_body(client.opposite());
        upgrade.asked = Some(asked);
        Step::Done
    }

    fn response(&mut self, connection: &mut Connection, upgrade: &mut Upgrade, client: Direction) -> Answer {
        let server = client.opposite();
        let wish = match &upgrade.asked {
            Some(Asked::Upgrade(wish)) => wish.clone(),
            Some(Asked::Other { is_head }) => return Self::other_response(upgrade, server, *is_head),
            None => Wish::default(),
        };
        let head = &mut upgrade.heads[server as usize];
        let (upgraded, granted, body, is_interim, len) = match Response::parse(head.bytes()) {
            Ok(Some((response, len))) => {
                let upgraded = response.is_upgrade().then(|| response.deflate().ok().flatten());
                let is_interim = response.status() < 200 && response.status() != 101;
                (upgraded, wish.is_granted_by(&response), body_len(&response), is_interim, len)
            }
            Ok(None) if !head.is_full() => return Answer::Wait,
            _ => return Answer::Over,
        };
        let head = &mut upgrade.heads[server as usize];
        let mut pending = head.message(CarrierMessage::HttpResponse, server, len);
        head.forget(len);
        if is_interim {
            connection.carrier.hold(pending);
            return Answer::Again;
        }
        upgrade.asked = None;
        if let Some(pending) = &mut pending
            && upgraded.is_some()
            && !granted
        {
            pending.breach = Some(Breach::NoSubprotocol);
        }
        connection.carrier.hold(pending);
        if upgraded.is_none() && wish.for_mqtt {
            self.work.traffic.refused += 1;
        }
        if wish.for_mqtt || connection.carrier.trust > Trust::None {
            self.enter_pending(&mut connection.carrier);
        }
        if let Some(deflate) = upgraded {
            return Answer::Upgraded(deflate);
        }
        // The next request may be granted what this one was not.
        upgrade.pass_over_body(server, body);
        Answer::Again
    }

    /// Passes over the answer to a request for something else.
    fn other_response(upgrade: &mut Upgrade, server: Direction, is_head: bool) -> Answer {
        const SWITCHING_PROTOCOLS: u16 = 101;
        let head = &mut upgrade.heads[server as usize];
        let (status, body, len) = match Response::parse(head.bytes()) {
            Ok(Some((response, len))) => (response.status(), body_len(&response), len),
            Ok(None) if !head.is_full() => return Answer::Wait,
            _ => return Answer::Over,
        };
        head.forget(len);
        match status {
            SWITCHING_PROTOCOLS => return Answer::Over,
            ..200 => {}
            _ => {
                upgrade.asked = None;
                upgrade.pass_over_body(server, if is_head { Some(0) } else { body });
            }
        }
        Answer::Again
    }

    /// A handshake goes on: but not for longer than heads are held, as one half of it may not have been captured.
    pub(super) fn not_for_ever(
        &mut self,
        connection: &mut Connection,
        websocket: &mut WebSocket,
    ) -> Interest {
        match &websocket.stage {
            Stage::Upgrading(upgrade) if upgrade.heads.iter().any(Head::is_full) => {
                self.without_other_half(connection, websocket)
            }
            _ => Interest::Some,
        }
    }

    /// Only one half of a handshake was captured: what follows it may be a WebSocket all the same.
    fn without_other_half(&mut self, connection: &mut Connection, websocket: &mut WebSocket) -> Interest {
        let client = websocket.client;
        let Stage::Upgrading(upgrade) = &mut websocket.stage else { return Interest::Some };
        let [from_client, from_server] = [client, client.opposite()]
            .map(|direction| !upgrade.heads[direction as usize].bytes().is_empty());
        match (&upgrade.asked, from_client, from_server) {
            (Some(Asked::Upgrade(_)), true, false) => {
                let heads = std::mem::take(&mut **upgrade);
                websocket.stage = WebSocket::midstream(client).stage;
                self.drain(connection, websocket, &heads)
            }
            (None, false, true) => {
                upgrade.asked = Some(Asked::Upgrade(Wish::default()));
                self.upgrade(connection, websocket)
            }
            _ => Interest::None,
        }
    }

    /// No more comes: a client whose server was not captured may have been granted its upgrade all the same.
    pub(super) fn end_websocket(&mut self, connection: &mut Connection) {
        let Some(mut websocket) = connection.websocket.take() else { return };
        if let Stage::Upgrading(upgrade) = &mut websocket.stage {
            if matches!(&upgrade.asked, Some(Asked::Upgrade(wish)) if wish.for_mqtt) {
                self.enter_pending(&mut connection.carrier);
            }
            self.without_other_half(connection, &mut websocket);
        }
        connection.websocket = Some(websocket);
    }
}

enum Step {
    Done,
    Wait,
    Over,
}

enum Answer {
    Upgraded(Option<Deflate>),
    /// Another answer follows, or another request may.
    Again,
    Wait,
    Over,
}
