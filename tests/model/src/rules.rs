//! The rules about belief: what a device decides by them.

use super::state::{Device, Epoch, People, Rules, S, Standing, World, WorldState, bit};

impl Rules {
    /// Whether this device takes S's certificate as revoked now.
    pub(crate) fn calls_revoked(&self, device: &Device) -> bool {
        device.list == 1 || (self.revoked_stays && device.listed)
    }

    /// Whether S stood on the list that a commit names, as far as this device can tell.
    ///
    /// List 1 had S first; list 2 has dropped S, which a desk that keeps the rule never takes.
    fn was_revoked_at(&self, device: &Device, named: u8) -> bool {
        if self.revoked_stays { named >= 1 && device.listed } else { device.list == 1 }
    }

    /// Whether something may be sealed for these people.
    pub(crate) fn may_seal_for(&self, device: &Device, people: People) -> bool {
        !(self.seats && people & S != 0 && self.calls_revoked(device))
    }

    /// The verdict of a member about the commit that opens `epoch`, shown as the next one.
    pub(crate) fn judge(&self, world: &World, state: &WorldState, device: &Device, epoch: u8) -> Verdict {
        let here = &state.epochs[usize::from(device.at)];
        let next = &state.epochs[usize::from(epoch)];
        let author = bit(next.by);
        let by_owner = author & world.owners != 0;
        let right = next.group == here.group
            && here.people & author != 0
            && (by_owner || next.people & !here.people == 0)
            && (by_owner || removed_are_right(self, device, here, next, author));
        if !right {
            // An honest server orders none of it.
            Verdict::ServersFault
        } else if next.by == device.who && !device.has_made(epoch) {
            Verdict::OwnForgotten
        } else if next.spoilt {
            Verdict::Spoilt
        } else {
            Verdict::Good
        }
    }

    /// Whether a welcome into `epoch` may be followed by somebody who knows the group.
    pub(crate) fn may_return(&self, world: &World, state: &WorldState, device: &Device, epoch: u8) -> bool {
        let last = &state.epochs[usize::from(device.at)];
        let next = &state.epochs[usize::from(epoch)];
        if !self.lineage {
            // The number of the epoch, and nothing else: whoever makes a group makes it as high as they like.
            return matches!(device.standing, Standing::Out | Standing::Frozen | Standing::Stopped);
        }
        let adder = bit(next.by);
        matches!(device.standing, Standing::Out | Standing::Frozen)
            && adder & world.owners & last.people != 0
            && state.leads_on(device.seen, epoch)
    }

    /// Whether the GroupInfo of `epoch` may be come back by. `compared`: a person has compared words with a member.
    pub(crate) fn may_rejoin(
        &self,
        world: &World,
        state: &WorldState,
        device: &Device,
        epoch: u8,
        compared: bool,
    ) -> bool {
        let last = &state.epochs[usize::from(device.at)];
        let info = &state.epochs[usize::from(epoch)];
        let signer = bit(info.by);
        let with_right = signer & world.owners & last.people != 0 || info.by == device.who;
        !self.lineage || (state.leads_on(device.seen, epoch) && (with_right || compared))
    }

    /// Whether a group is taken for the one that leads this one on: somebody with the right made it, and nobody is in it whom
    /// this device has not in its own last roster. (Whoever leads on may have missed a removal.)
    pub(crate) fn may_follow(&self, world: &World, state: &WorldState, device: &Device, epoch: u8) -> bool {
        let last = state.epochs[usize::from(device.at)].people;
        let next = &state.epochs[usize::from(epoch)];
        bit(next.by) & world.owners & last != 0 && !(self.successors && next.people & !last != 0)
    }

    /// Whether a group may be led on from what this device holds.
    pub(crate) fn may_succeed(&self, device: &Device) -> bool {
        matches!(device.standing, Standing::Frozen | Standing::Stopped) && !(self.backups && device.old)
    }
}

/// Everybody may remove themselves' devices and leaves that have lapsed; in the model only S ever lapses.
fn removed_are_right(rules: &Rules, device: &Device, here: &Epoch, next: &Epoch, author: People) -> bool {
    let removed = here.people & !next.people & !author;
    removed == 0 || (removed == S && rules.was_revoked_at(device, next.list))
}

/// What a member makes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    /// Only members can see it: its author's fault.
    Spoilt,
    /// This vault's own, and it does not know it.
    OwnForgotten,
    ServersFault,
}
