//! The state of the model and everything that can happen in it.

use super::{
    BLAMED, LOST, ON, READS,
    rules::{Rules, Verdict},
};
use stateright::{Model, Property};

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

const STRANGER: u8 = 3;
const REVOKED: u8 = 2;

/// What the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Whatever it likes.
    Lies,
    /// What PROTOCOL.md says.
    Honest,
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
    made: u8,
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
    heads: [Option<u8>; 2],
    devices: [Device; 2],
    /// A's vault was put back from a copy of the first moment.
    put_back: bool,
    /// The newest list that the desk has.
    desk: u8,
    /// An honest member has processed S's removal.
    removed: bool,
    leaked: bool,
    blamed: bool,
    lost: bool,
    written: bool,
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

    fn here(&self, device: &Device) -> &Epoch {
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

    fn open(&mut self, epoch: Epoch) -> u8 {
        let place = u8::try_from(self.epochs.len()).expect("few epochs");
        // A server that lies has none.
        if self.heads[0].is_some() {
            self.heads[usize::from(epoch.group)] = Some(place);
        }
        self.epochs.push(epoch);
        place
    }

    /// A device takes an epoch as the one it is in.
    fn enter(&mut self, device: usize, epoch: u8) {
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

impl World {
    fn is_honest(&self) -> bool {
        self.server == Server::Honest
    }

    /// A device in the first epoch, to which nothing has happened yet.
    fn device(&self, who: u8) -> Device {
        let listed = !self.is_honest() && who == 1 && self.writer == 0;
        Device {
            who,
            at: 0,
            seen: 0,
            standing: Standing::Member,
            blames: 0,
            list: listed.into(),
            listed,
            saw_out: false,
            note: Note::None,
            old: false,
            made: 1,
        }
    }

    fn has_room(&self, state: &WorldState) -> bool {
        state.epochs.len() < usize::from(self.epochs_max)
    }

    /// What mends something comes on top: else the model would call stuck whoever is at its end.
    fn has_room_to_mend(&self, state: &WorldState) -> bool {
        let more = if self.is_honest() { 3 } else { 1 };
        state.epochs.len() < usize::from(self.epochs_max) + more
    }

    fn actions_of(&self, state: &WorldState, index: usize, actions: &mut Vec<Action>) {
        let device = &state.devices[index];
        let here = state.here(device);
        let member = device.standing == Standing::Member;
        let room = self.has_room(state);
        match device.note {
            Note::None if index == self.writer => actions.push(Action::Write(index)),
            Note::Waiting if member => actions.push(Action::Seal(index)),
            Note::Sent => {
                actions.push(Action::Settle(index, true));
                if !self.is_honest() {
                    actions.push(Action::Settle(index, false));
                }
            }
            Note::Held if member => actions.push(Action::SayYes(index)),
            Note::None | Note::Waiting | Note::Held | Note::Done => {}
        }
        // A server that lies hands out lists to whoever writes. Of the others, B has the first, so that it may remove S.
        for list in device.list + 1..=state.desk {
            if if self.is_honest() { list == state.desk } else { index == self.writer } {
                actions.push(Action::Fetch(index, list));
            }
        }
        let at_head = state.heads[usize::from(here.group)] == Some(device.at);
        if member && room && (at_head || !self.is_honest()) {
            actions.push(Action::Commit(index, here.people));
            let owner = bit(device.who) & self.owners != 0;
            if here.people & S != 0 && owner {
                actions.push(Action::Commit(index, here.people & !S));
            }
            if owner && device.who == 0 {
                actions.push(Action::Commit(index, here.people ^ B));
            }
        }
        let lapsed = here.people & S != 0 && self.rules.calls_revoked(device);
        if member && lapsed && self.has_room_to_mend(state) && (at_head || !self.is_honest()) {
            actions.push(Action::Commit(index, here.people & !S));
        }
        // Two owners who lead it on at once make two groups, with any server: PROTOCOL.md section 17.
        let led_on = self.is_honest() && state.heads[1].is_some();
        let owner = bit(device.who) & self.owners != 0;
        if self.rules.may_succeed(device)
            && owner
            && here.group == 0
            && !led_on
            && self.has_room_to_mend(state)
        {
            actions.push(Action::Succeed(index));
        }
        if member && !self.is_honest() {
            actions.push(Action::ShowGarbage(index));
        }
        for place in 0..u8::try_from(state.epochs.len()).expect("few epochs") {
            let epoch = &state.epochs[usize::from(place)];
            if member && epoch.parent == Some(device.at) {
                actions.push(Action::Show(index, place));
            }
            let invited = epoch.people & bit(device.who) != 0 && epoch.by != device.who;
            if invited && epoch.group == here.group && place != device.at {
                actions.push(Action::Welcome(index, place));
            }
            if invited && epoch.group == 1 && here.group == 0 {
                actions.push(Action::Follow(index, place));
            }
        }
    }

    /// A device seals its note for everybody in its epoch: here it shows who reads.
    fn seal(&self, state: &mut WorldState, index: usize) -> Option<()> {
        let device = &state.devices[index];
        let here = state.here(device);
        let at_head = state.heads[usize::from(here.group)] == Some(device.at);
        if !self.rules.may_seal_for(device, here.people) || (self.is_honest() && !at_head) {
            return None;
        }
        let knows_out = device.saw_out || device.listed || (device.old && state.removed);
        state.leaked |= here.people & T != 0 || (here.people & S != 0 && knows_out);
        state.written = true;
        state.devices[index].note = Note::Sent;
        Some(())
    }

    fn show(&self, state: &mut WorldState, index: usize, place: u8) -> Option<()> {
        let device = &state.devices[index];
        let next = &state.epochs[usize::from(place)];
        if next.list > device.list {
            // It fetches the list first.
            return None;
        }
        match self.rules.judge(self, state, device, place) {
            Verdict::Good => state.enter(index, place),
            Verdict::Spoilt => {
                let author = bit(next.by);
                state.blamed |= author & (A | B) != 0;
                state.devices[index].blames = author;
                state.devices[index].seen = place;
                state.devices[index].standing = Standing::Frozen;
            }
            Verdict::OwnForgotten => {
                state.devices[index].old = true;
                state.devices[index].seen = place;
                state.devices[index].standing = Standing::Frozen;
            }
            Verdict::ServersFault => state.devices[index].standing = Standing::Stopped,
        }
        Some(())
    }

    fn succeed(&self, state: &mut WorldState, index: usize) {
        let device = &state.devices[index];
        let mut people = state.here(device).people & !device.blames;
        if self.rules.seats && self.rules.calls_revoked(device) {
            people &= !S;
        }
        let (by, list) = (device.who, device.list);
        let place = state.open(Epoch { group: 1, parent: None, by, people, list, spoilt: false });
        state.devices[index].made |= bit(place);
        state.enter(index, place);
    }

    fn rejoin(&self, state: &mut WorldState, place: u8) -> Option<()> {
        let device = &state.devices[0];
        let other = &state.devices[1];
        let info = state.epochs[usize::from(place)].clone();
        // With an honest server everybody who is in is at the same place, and words can be compared with any of them.
        let compared = self.is_honest() || (other.at == place && other.standing == Standing::Member);
        if info.spoilt
            || info.people & bit(device.who) == 0
            || !self.rules.may_rejoin(self, state, device, place, compared)
        {
            return None;
        }
        let list = device.list;
        let back = state.open(Epoch { parent: Some(place), by: 0, list, spoilt: false, ..info });
        state.devices[0].made |= bit(back);
        state.enter(0, back);
        state.devices[0].old = false;
        // It does not know whether it went out before the copy was made.
        if state.devices[0].note == Note::Waiting {
            state.devices[0].note = Note::Held;
        }
        Some(())
    }
}

impl Model for World {
    type State = WorldState;
    type Action = Action;

    fn init_states(&self) -> Vec<WorldState> {
        vec![WorldState {
            epochs: vec![Epoch { group: 0, parent: None, by: 0, people: A | B | S, list: 0, spoilt: false }],
            heads: [self.is_honest().then_some(0), None],
            devices: [self.device(0), self.device(1)],
            put_back: false,
            // Whoever hands out lists as they like has both from the beginning.
            desk: if self.is_honest() { 0 } else { 2 },
            removed: false,
            leaked: false,
            blamed: false,
            lost: false,
            written: false,
        }]
    }

    fn actions(&self, state: &WorldState, actions: &mut Vec<Action>) {
        if state.leaked || state.blamed || state.lost {
            return;
        }
        for index in 0..state.devices.len() {
            self.actions_of(state, index, actions);
        }
        if state.desk == 0 {
            actions.push(Action::Publish(1));
        }
        // A desk that keeps the rule does not take a list that forgets.
        if state.desk == 1 && !(self.is_honest() && self.rules.revoked_stays) {
            actions.push(Action::Publish(2));
        }
        let spoilt = state.epochs.iter().any(|epoch| epoch.spoilt);
        // A spoilt case and a vault put back at once are for people to mend: PROTOCOL.md section 17.
        let may_be_put_back = !state.put_back && (!spoilt || !self.is_honest());
        if may_be_put_back && state.devices[0] != self.device(0) {
            actions.push(Action::PutBack);
        }
        let places = 0..u8::try_from(state.epochs.len()).expect("few epochs");
        if self.has_room(state) {
            for place in places.clone() {
                let epoch = &state.epochs[usize::from(place)];
                let head = state.heads[usize::from(epoch.group)] == Some(place);
                if epoch.people & S != 0 && !epoch.spoilt && (head || !self.is_honest()) {
                    actions.push(Action::CommitOfS(place, false));
                    if !(self.is_honest() && state.put_back) {
                        actions.push(Action::CommitOfS(place, true));
                    }
                }
            }
            if !self.is_honest() {
                actions.extend([Action::Forge(0), Action::Forge(1)]);
            }
        }
        if state.devices[0].old && self.has_room_to_mend(state) {
            let here = state.here(&state.devices[0]).group;
            let newest = |place: u8| state.heads[usize::from(here)] == Some(place);
            let places = places.filter(|place| !self.is_honest() || newest(*place));
            actions.extend(places.map(Action::Rejoin));
        }
    }

    fn next_state(&self, last: &WorldState, action: Action) -> Option<WorldState> {
        let mut state = last.clone();
        match action {
            Action::Write(index) => state.devices[index].note = Note::Waiting,
            Action::Seal(index) => self.seal(&mut state, index)?,
            Action::Settle(index, own_bytes) => {
                let kept = !own_bytes && self.rules.own_bytes;
                state.lost |= !own_bytes && !kept;
                state.devices[index].note = if kept { Note::Held } else { Note::Done };
            }
            Action::SayYes(index) => state.devices[index].note = Note::Waiting,
            Action::Publish(list) => state.desk = list,
            Action::Fetch(index, list) => {
                state.devices[index].list = list;
                // A list that keeps the rule has every serial that an earlier one had.
                state.devices[index].listed |= list == 1;
            }
            Action::Commit(index, people) => {
                let device = &state.devices[index];
                let (at, by, list) = (device.at, device.who, device.list);
                let group = state.here(device).group;
                let place = state.open(Epoch { group, parent: Some(at), by, people, list, spoilt: false });
                state.devices[index].made |= bit(place);
            }
            Action::CommitOfS(place, spoilt) => {
                let epoch = state.epochs[usize::from(place)].clone();
                state.open(Epoch { parent: Some(place), by: REVOKED, spoilt, ..epoch });
            }
            Action::Show(index, place) => self.show(&mut state, index, place)?,
            Action::ShowGarbage(index) => {
                if self.rules.signed_blame {
                    state.devices[index].standing = Standing::Stopped;
                } else {
                    state.blamed = true;
                    state.devices[index].blames = bit(state.devices[1 - index].who);
                    state.devices[index].standing = Standing::Frozen;
                }
            }
            Action::Forge(index) => {
                let people = T | bit(state.devices[index].who);
                let group = state.here(&state.devices[index]).group;
                state.open(Epoch { group, parent: None, by: STRANGER, people, list: 0, spoilt: false });
            }
            Action::Welcome(index, place) => {
                if !self.rules.may_return(self, &state, &state.devices[index], place) {
                    return None;
                }
                state.enter(index, place);
                // What it leads on from is what this vault has seen.
                state.devices[index].old = false;
                if self.rules.lineage && state.devices[index].note == Note::Waiting {
                    state.devices[index].note = Note::Held;
                }
            }
            Action::Succeed(index) => self.succeed(&mut state, index),
            Action::Follow(index, place) => {
                if !self.rules.may_follow(self, &state, &state.devices[index], place) {
                    return None;
                }
                state.enter(index, place);
            }
            Action::PutBack => {
                state.devices[0] = self.device(0);
                state.put_back = true;
            }
            Action::Rejoin(place) => self.rejoin(&mut state, place)?,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(READS, |_, state: &WorldState| !state.leaked),
            Property::always(BLAMED, |_, state: &WorldState| !state.blamed),
            Property::always(LOST, |_, state: &WorldState| !state.lost),
            Property::sometimes(ON, |_, state: &WorldState| state.written),
        ]
    }
}
