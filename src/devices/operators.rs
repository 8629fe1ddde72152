//! Device rooms, as operators of the process see and steer them.

use super::SERVICE;
use super::durable_hub::{Command, Done, DurableHub};
use super::protocol::names::DeviceId;
use super::spool::Spool;
use crate::admin::{Asked, Future, Managed, Order, Outcome, Overview};
use crate::rooms::{Commands, Queries};

/// The device rooms.
pub struct ManagedDevices {
    /// Asks the rooms.
    pub queries: Queries<DurableHub>,
    /// Has the rooms do something.
    pub commands: Commands<DurableHub>,
    /// The spool.
    pub spool: Spool,
}

impl Managed for ManagedDevices {
    fn name(&self) -> &'static str {
        SERVICE
    }

    fn overview(&self, asked: Asked) -> Future<'_, Option<Overview>> {
        Box::pin(async move {
            let asking = self.queries.ask(move |durable_hub, _| durable_hub.hub().overview(&asked));
            let mut overview = asking.await?;
            let spool = self.spool.status();
            overview.figures.extend([("spooled", spool.records), ("deadLetters", spool.dead_letters)]);
            Some(overview)
        })
    }

    fn act(&self, order: Order) -> Future<'_, Outcome> {
        Box::pin(async move {
            let device =
                DeviceId::new(&order.id).filter(|_| order.kind == "device" && order.action == "disconnect");
            let Some(device) = device else { return Outcome::NotFound };
            match self.commands.give(Command::Kick(device)).await {
                Some(Done::Kicked(0) | Done::Sent(_) | Done::Erasing(_)) => Outcome::NotFound,
                Some(Done::Kicked(_)) => Outcome::Done,
                None => Outcome::Stopped,
            }
        })
    }
}
