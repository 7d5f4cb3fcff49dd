//! What an admin says of a device that is to be certified: the same whether its request comes as a file or by the desk.

use alcove_issuer::{CaLife, DEVICE_DAYS, DeviceOrder, IssuedDevice, telling::moment};
use alcove_proto::names::Handle;
use clap::Args;
use serde_json::{Value, json};

#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// The person's name, as the other agencies will read it.
    #[arg(long)]
    name: String,
    /// The person's role, as the other agencies will read it.
    #[arg(long)]
    role: String,
    /// The handle of a person who already has a device, or whose invitation you replace.
    #[arg(long)]
    handle: Option<Handle>,
    /// Which of the person's devices this is.
    #[arg(long, default_value_t = 1)]
    device: u16,
    /// How many days the certificates live.
    #[arg(long, default_value_t = DEVICE_DAYS)]
    days: u32,
}

impl OrderArgs {
    /// `server` and `desk`: `host:port` that the device will call, and where it will renew; either may be empty.
    pub(crate) fn order(self, server: String, desk: String) -> DeviceOrder {
        DeviceOrder {
            name: self.name,
            role: self.role,
            handle: self.handle,
            device: self.device,
            days: self.days,
            server_address: server,
            desk_address: desk,
        }
    }
}

/// A device that was certified, for scripts. `words`: of its request; `life`: of the CA.
pub(crate) fn device_object(issued: &IssuedDevice, words: &str, life: &CaLife) -> Value {
    json!({
        "schema": "alcove.certs.device.v1",
        "identity": issued.identity.to_string(),
        "person": issued.identity.person.to_string(),
        "handle": issued.identity.person.handle.as_str(),
        "device": issued.identity.device,
        "serials": issued.serials,
        "not_after": moment(issued.not_after_ms),
        "ends_with_ca": life.cuts_short(issued.not_after_ms),
        "words": words,
    })
}
