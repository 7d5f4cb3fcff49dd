//! Everything that can happen in the model.

use super::{
    rules::Verdict,
    state::{
        A, Action, B, BLAMED, Device, Epoch, LOST, Note, ON, READS, REVOKED, S, STRANGER, Server, Standing,
        T, World, WorldState, bit,
    },
};
use stateright::{Model, Property};

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
