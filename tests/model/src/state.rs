//! How things are in the model: people, devices, epochs, and which rules are in force.

pub(crate) const READS: &str = "nobody who is out, or never was in, reads what is sealed";
pub(crate) const BLAMED: &str = "no honest member is blamed";
pub(crate) const LOST: &str = "nothing acknowledged is lost without an alarm";
pub(crate) const ON: &str = "somebody writes in the end";

/// Some of the four people, a bit each.
pub(crate) type People = u8;
/// The owner, honest.
pub(crate) const A: People = 1;
/// A member, honest.
pub(crate) const B: People = 2;
/// A member whose laptop the adversary has; it may be removed, and its certificate revoked.
pub(crate) const S: People = 4;
/// A stranger, enrolled somewhere and never in the group; the server's accomplice.
pub(crate) const T: People = 8;

/// The bit of the person with that number.
pub(crate) const fn bit(who: u8) -> People {
    1 << who
}

pub(crate) const STRANGER: u8 = 3;
pub(crate) const REVOKED: u8 = 2;

/// What the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Whatever it likes.
    Lies,
    /// What PROTOCOL.md says.
    Honest,
}

/// Which rules are in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// A group once seen goes on only by who had the right, from the history that was seen.
    pub(crate) lineage: bool,
    /// Nothing is sealed for a seat that this device's own lists call revoked.
    pub(crate) seats: bool,
    /// What was written leaves the outbox only by its own bytes.
    pub(crate) own_bytes: bool,
    /// Revoked stays revoked.
    pub(crate) revoked_stays: bool,
    /// Blame needs a signature over all of it.
    pub(crate) signed_blame: bool,
    /// A vault put back from a backup revives nobody.
    pub(crate) backups: bool,
    /// A successor brings nobody whom its followers have seen go.
    pub(crate) successors: bool,
}

impl Rules {
    pub(crate) const ALL: Self = Self {
        lineage: true,
        seats: true,
        own_bytes: true,
        revoked_stays: true,
        signed_blame: true,
        backups: true,
        successors: true,
    };
}

/// One configuration of the model.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) rules: Rules,
    pub(crate) owners: People,
    /// The device whose person writes.
    pub(crate) writer: usize,
    /// How long all branches of all groups may become together.
    pub(crate) epochs_max: u8,
}

/// One epoch of one branch of a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Epoch {
    /// 0 the case, 1 the group that leads it on.
    pub(crate) group: u8,
    pub(crate) parent: Option<u8>,
    /// The number of whoever made the commit that opens it.
    pub(crate) by: u8,
    pub(crate) people: People,
    /// The number of the list that the commit names.
    pub(crate) list: u8,
    /// Its secrets are wrong, which no server can see.
    pub(crate) spoilt: bool,
}

/// Where a device stands in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Standing {
    Member,
    /// It has processed its own removal.
    Out,
    /// A commit cannot be carried out, and its author is known.
    Frozen,
    /// The server ordered what no server orders.
    Stopped,
}

/// The one note that an honest person writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Note {
    None,
    Waiting,
    /// Sealed and sent, not yet seen in the log.
    Sent,
    /// The log has shown it: it is out of the outbox.
    Done,
    /// Kept until the person says yes.
    Held,
}

/// An honest person's device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Device {
    pub(crate) who: u8,
    /// The last epoch processed.
    pub(crate) at: u8,
    /// The last commit that its log has shown, whether it could be carried out or not.
    pub(crate) seen: u8,
    pub(crate) standing: Standing,
    /// Whose commit froze it.
    pub(crate) blames: People,
    /// The newest list held: 0 none, 1 revokes S, 2 has dropped S again.
    pub(crate) list: u8,
    /// A list that had S was held.
    pub(crate) listed: bool,
    /// S was removed, by a commit that was processed here.
    pub(crate) saw_out: bool,
    pub(crate) note: Note,
    /// It knows that its vault was put back.
    pub(crate) old: bool,
    /// The epochs this vault remembers to have opened, a bit each.
    pub(crate) made: u8,
}

impl Device {
    pub(crate) fn has_made(&self, epoch: u8) -> bool {
        self.made & bit(epoch) != 0
    }
}

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WorldState {
    pub(crate) epochs: Vec<Epoch>,
    /// The newest epoch of each group as an honest server has it.
    pub(crate) heads: [Option<u8>; 2],
    pub(crate) devices: [Device; 2],
    /// A's vault was put back from a copy of the first moment.
    pub(crate) put_back: bool,
    /// The newest list that the desk has.
    pub(crate) desk: u8,
    /// An honest member has processed S's removal.
    pub(crate) removed: bool,
    pub(crate) leaked: bool,
    pub(crate) blamed: bool,
    pub(crate) lost: bool,
    pub(crate) written: bool,
}

/// What can happen. Numbers name a device or an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Write(usize),
    Seal(usize),
    /// The log shows the note's place, with its own bytes or with others.
    Settle(usize, bool),
    /// The person looks at what is held, and says yes.
    SayYes(usize),
    Publish(u8),
    Fetch(usize, u8),
    /// A device commits; the new epoch has these people.
    Commit(usize, People),
    /// S commits to what it is in, well or badly.
    CommitOfS(u8, bool),
    Show(usize, u8),
    /// Bytes that are no commit, under the name of the other honest member.
    ShowGarbage(usize),
    /// The stranger makes a group of the same id with one honest person.
    Forge(usize),
    Welcome(usize, u8),
    Succeed(usize),
    Follow(usize, u8),
    PutBack,
    Rejoin(u8),
}

impl WorldState {
    /// Whether the later epoch's history leads through the earlier one.
    pub(crate) fn leads_on(&self, earlier: u8, later: u8) -> bool {
        let mut at = Some(later);
        while let Some(place) = at {
            if place == earlier {
                return true;
            }
            at = self.epochs[usize::from(place)].parent;
        }
        false
    }

    pub(crate) fn here(&self, device: &Device) -> &Epoch {
        &self.epochs[usize::from(device.at)]
    }

    /// Both are where the server is, or out, and nothing waits.
    pub(crate) fn is_well(&self) -> bool {
        self.devices.iter().all(|device| {
            let there = self.heads.contains(&Some(device.at)) && device.standing == Standing::Member;
            let done = matches!(device.note, Note::None | Note::Done);
            (there && done) || device.standing == Standing::Out
        })
    }

    pub(crate) fn open(&mut self, epoch: Epoch) -> u8 {
        let place = u8::try_from(self.epochs.len()).expect("few epochs");
        // A server that lies has none.
        if self.heads[0].is_some() {
            self.heads[usize::from(epoch.group)] = Some(place);
        }
        self.epochs.push(epoch);
        place
    }

    /// A device takes an epoch as the one it is in.
    pub(crate) fn enter(&mut self, device: usize, epoch: u8) {
        let people = self.epochs[usize::from(epoch)].people;
        let before = self.here(&self.devices[device]).people;
        let device = &mut self.devices[device];
        (device.at, device.seen) = (epoch, epoch);
        device.standing = if people & bit(device.who) != 0 { Standing::Member } else { Standing::Out };
        if before & !people & S != 0 {
            device.saw_out = true;
            self.removed = true;
        }
    }
}
