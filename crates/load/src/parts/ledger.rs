//! What a part's ledger holds, as it is written down.

use serde::{Deserialize, Serialize};

use crate::ledger::across::{Sent, Stay};
use crate::ledger::{Roll, Tally};

/// Who was sent what by this part, who of its devices was there, and what came to them. Devices, phases and groups are
/// numbered as in the whole run; times are µs of the Unix clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Whether everything is in here: a part keeps a bounded number of audiences.
    pub complete: bool,
    /// Who gets a message: devices that each do, and lists of devices of which one does; each with the highest quality
    /// of service it subscribed with.
    pub audiences: Vec<Audience>,
    /// Messages sent to an audience: its number, phase, quality of service, count, first and last sent.
    pub sent: Vec<(u32, u32, u8, i64, u64, u64)>,
    /// Devices that had their subscriptions: number, highest quality granted, since when, until when (nothing if there
    /// were several such times).
    pub stays: Vec<(u32, u8, u64, Option<u64>)>,
    /// Deliveries that were owed: phase, group, quality of service, count.
    pub delivered: Vec<(u32, u32, u8, i64)>,
}

/// Who gets a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// Device and quality of service.
    pub direct: Vec<(u32, u8)>,
    /// Members of each shared subscription.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<Vec<(u32, u8)>>,
}

impl Ledger {
    /// What a process noted.
    pub(crate) fn of(tally: &Tally, roll: &Roll) -> Self {
        let list = |recipients: &[crate::topics::Recipient]| {
            recipients.iter().map(|recipient| (recipient.device, recipient.qos as u8)).collect()
        };
        let sendings = tally.sendings.as_ref();
        let audiences = sendings.and_then(|sendings| sendings.audiences());
        let complete = audiences.is_some();
        let audiences = audiences.unwrap_or_default().into_iter().map(|recipients| Audience {
            direct: list(&recipients.direct),
            shared: recipients.shared.iter().map(|members| list(members)).collect(),
        });
        let sent = sendings.map(|sendings| sendings.sent()).unwrap_or_default();
        let sent = sent.into_iter().map(|(audience, phase, qos, of)| {
            let Sent { count, first_us, last_us } = of;
            (audience, phase, qos as u8, count, first_us, last_us)
        });
        let stays = roll.stays().into_iter().flat_map(|stays| stays.all());
        let stays = stays.map(|stay| {
            let Stay { device, granted, since_us, until_us } = stay;
            (device, granted as u8, since_us, until_us)
        });
        Self {
            complete,
            audiences: audiences.collect(),
            sent: sent.collect(),
            stays: stays.collect(),
            delivered: tally.delivered().collect(),
        }
    }
}
