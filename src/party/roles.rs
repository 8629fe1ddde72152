//! Roles, and what each of them may do: a table, one of the presets or a room's own.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What somebody is in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Whose room it is: the owner, or the host of a listening room.
    Owner,
    /// Whom the owner has made one.
    Cohost,
    /// Everybody else.
    #[default]
    Member,
    /// Who came by an invitation.
    Guest,
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Play, pause, seek, and set the speed.
    Control,
    /// Choose what plays.
    Choose,
    /// Add to the queue without being asked.
    Queue,
    /// Chat and react.
    Chat,
    /// Speak.
    Voice,
    /// Share a screen.
    Share,
    /// Invite others.
    Invite,
    /// Kick and mute.
    Kick,
}

impl Right {
    /// All of them, in the order of the wire.
    pub const ALL: [Self; 8] = [
        Self::Control,
        Self::Choose,
        Self::Queue,
        Self::Chat,
        Self::Voice,
        Self::Share,
        Self::Invite,
        Self::Kick,
    ];
}

/// A set of rights. Wire: a list of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights(u8);

impl Rights {
    /// None.
    pub const NONE: Self = Self(0);

    /// Every right.
    pub const ALL: Self = Self::of(&Right::ALL);

    /// Those.
    pub const fn of(rights: &[Right]) -> Self {
        let mut set = 0;
        let mut n = 0;
        while n < rights.len() {
            set |= 1 << rights[n] as u8;
            n += 1;
        }
        Self(set)
    }

    /// Whether it is among them.
    pub fn has(self, right: Right) -> bool {
        self.0 & (1 << right as u8) != 0
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(Right::ALL.into_iter().filter(|right| self.has(*right)))
    }
}

impl<'de> Deserialize<'de> for Rights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<Right>::deserialize(deserializer).map(|rights| Self::of(&rights))
    }
}

/// What each role may do; the owner has every right, whatever the table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Co-hosts.
    pub cohost: Rights,
    /// Members.
    pub member: Rights,
    /// Guests.
    pub guest: Rights,
}

impl Table {
    /// The rights of a role.
    pub fn of(&self, role: Role) -> Rights {
        match role {
            Role::Owner => Rights::ALL,
            Role::Cohost => self.cohost,
            Role::Member => self.member,
            Role::Guest => self.guest,
        }
    }
}

/// A table that has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// Everybody steers and chooses.
    Open,
    /// The owner and its co-hosts do; the others talk.
    Controlled,
    /// The owner and its co-hosts do; members may write, guests watch.
    Lecture,
}

impl Preset {
    /// Its table.
    pub fn table(self) -> Table {
        use Right::{Chat, Choose, Control, Invite, Queue, Share, Voice};
        let (member, guest) = match self {
            Self::Open => (
                Rights::of(&[Control, Choose, Queue, Chat, Voice, Share, Invite]),
                Rights::of(&[Control, Queue, Chat, Voice]),
            ),
            Self::Controlled => (Rights::of(&[Chat, Voice]), Rights::of(&[Chat, Voice])),
            Self::Lecture => (Rights::of(&[Chat]), Rights::NONE),
        };
        Table { cohost: Rights::ALL, member, guest }
    }
}

/// Where a room has its table from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Policy {
    /// From its service, as if there were no roles.
    #[default]
    Service,
    /// From a preset.
    Preset(Preset),
    /// It is the room's own.
    Own(Table),
}

impl Policy {
    /// The table, in a service whose rooms begin with that one.
    pub fn table(self, of_service: Table) -> Table {
        match self {
            Self::Service => of_service,
            Self::Preset(preset) => preset.table(),
            Self::Own(table) => table,
        }
    }

    /// The preset, if it is one.
    pub fn preset(self) -> Option<Preset> {
        match self {
            Self::Preset(preset) => Some(preset),
            Self::Service | Self::Own(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_rights_is_written_in_one_order_and_read_in_any() {
        let read = |text| serde_json::from_str::<Rights>(text).ok();
        let rights = read(r#"["kick","control","kick"]"#).unwrap();
        assert_eq!(serde_json::to_string(&rights).unwrap(), r#"["control","kick"]"#);
        assert!(rights.has(Right::Kick) && !rights.has(Right::Chat));
        assert_eq!(read("[]"), Some(Rights::NONE));
        assert_eq!(read(r#"["fly"]"#), None);
        assert_eq!(serde_json::to_string(&Rights::ALL).unwrap().matches(',').count(), 7);
    }

    #[test]
    fn no_table_takes_anything_from_the_owner() {
        let none = Table { cohost: Rights::NONE, member: Rights::NONE, guest: Rights::NONE };
        assert_eq!(Policy::Own(none).table(Preset::Open.table()).of(Role::Owner), Rights::ALL);
        assert_eq!(Preset::Lecture.table().of(Role::Owner), Rights::ALL);
        assert_eq!(Preset::Lecture.table().of(Role::Guest), Rights::NONE);
    }

    #[test]
    fn a_policy_is_kept_as_it_is() {
        for policy in [Policy::Service, Policy::Preset(Preset::Lecture), Policy::Own(Preset::Open.table())] {
            let kept = serde_json::to_string(&policy).unwrap();
            assert_eq!(serde_json::from_str::<Policy>(&kept).unwrap(), policy);
        }
        assert_eq!(Policy::Preset(Preset::Open).preset(), Some(Preset::Open));
        assert_eq!(Policy::Own(Preset::Open.table()).preset(), None);
    }
}
