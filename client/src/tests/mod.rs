//! Scenes of a whole device in this process, some with the program: an honest desk that can be made to lie, and a vault
//! into whose rows a scene may look.

pub(crate) mod desk;
mod enrol_by_files;
mod enrol_by_invitation;
mod escrow;
mod recovered;
mod recovery_scene;
mod renewal;
mod renewal_scene;
pub(crate) mod test_agency;
