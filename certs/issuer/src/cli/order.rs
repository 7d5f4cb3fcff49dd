//! What an admin says of a device that is to be certified: the same whether its request comes as a file or by the desk.

use alcove_issuer::{DEVICE_DAYS, DeviceOrder};
use alcove_proto::names::Handle;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// The person's name, as the other agencies will read it.
    #[arg(long)]
    name: String,
    /// The person's role, as the other agencies will read it.
    #[arg(long)]
    role: String,
    /// The handle of a person who has a device already, or whose invitation is to be replaced.
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
