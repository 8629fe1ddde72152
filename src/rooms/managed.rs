//! Rooms as operators see and steer them, where each order is one command to the hub.

use super::{Commands, Hub, Queries};
use crate::admin::{self, Asked, Future, Managed, Order, Overview};

/// The rooms of a service.
pub struct ManagedRooms<H: Hub> {
    /// The service.
    pub service: &'static str,
    /// Asks the hub.
    pub queries: Queries<H>,
    /// Has the hub do something.
    pub commands: Commands<H>,
    /// What operators see.
    pub overview: fn(&H, &Asked) -> Overview,
    /// The command that an order is, if it is one.
    pub command: fn(&Order) -> Option<H::Command>,
}

impl<H: Hub> Managed for ManagedRooms<H>
where
    Option<H::Outcome>: Into<admin::Outcome>,
{
    fn name(&self) -> &'static str {
        self.service
    }

    fn overview(&self, asked: Asked) -> Future<'_, Option<Overview>> {
        let overview = self.overview;
        Box::pin(self.queries.ask(move |hub, _| overview(hub, &asked)))
    }

    fn act(&self, order: Order) -> Future<'_, admin::Outcome> {
        Box::pin(async move {
            match (self.command)(&order) {
                Some(command) => self.commands.give(command).await.into(),
                None => admin::Outcome::NotFound,
            }
        })
    }
}
