//! What every store must do, whatever engine is under it. A second engine implements [`Engine`] and adds
//! one line to [`scenes`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../store_support/mod.rs"]
mod store_support;

mod access;
mod audit;
mod blobs;
mod commits;
mod concurrency;
mod directory;
mod enrolment;
mod escrow;
mod ledger;
mod log;
mod opening;
mod recoveries;
mod trust;
mod welcomes;

use alcove_server::store::{Store, sled::SledStore};
use std::path::Path;

/// An engine under test.
pub(crate) trait Engine {
    /// Its store.
    type Store: Store;

    /// Opens the store in `folder`, made if there is none.
    fn open(folder: &Path) -> Self::Store;

    /// Closes it, so that it can be opened again.
    fn close(store: Self::Store);
}

struct Sled;

impl Engine for Sled {
    type Store = SledStore;

    fn open(folder: &Path) -> SledStore {
        store_support::open(folder)
    }

    fn close(store: SledStore) {
        store.close();
    }
}

macro_rules! scenes {
    ($engine:ident: $($room:ident::$scene:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scene() {
                let folder = tempfile::tempdir().unwrap();
                $room::$scene::<$engine>(folder.path()).await;
            }
        )*
    };
}

scenes!(Sled:
    log::a_group_begins_empty_and_its_creation_can_be_repeated,
    log::a_group_of_the_same_id_by_somebody_else_is_refused,
    log::entries_hash_to_the_head_each_was_acknowledged_with,
    log::a_resent_record_is_answered_again_and_stored_once,
    log::an_id_with_other_bytes_or_by_another_author_is_refused,
    log::a_record_under_another_epoch_is_refused_and_told_the_one_in_force,
    log::a_record_by_no_member_or_to_no_group_or_too_long_is_refused,
    log::pages_break_where_they_are_told_and_nowhere_else,
    log::digests_link_one_head_to_another_and_no_further_than_allowed,
    log::record_ids_stay_taken_over_many_blocks_and_a_restart,
    log::an_unknown_group_looks_empty,
    commits::the_first_commit_of_an_epoch_wins_and_the_loser_is_shown_it,
    commits::a_resent_commit_is_answered_again_and_taken_once,
    commits::a_commit_of_a_later_epoch_by_no_member_or_too_long_is_refused,
    commits::the_group_info_of_the_epoch_in_force_is_kept_and_no_earlier_one,
    commits::members_come_go_and_keep_their_join_position,
    commits::members_that_contradict_each_other_are_refused_and_nothing_is_written,
    commits::a_long_commit_comes_back_whole,
    commits::the_newest_checkpoint_is_kept_and_the_commits_after_it_are_found,
    welcomes::a_welcome_waits_for_each_joiner_with_its_tree_until_acknowledged,
    welcomes::a_welcome_whose_pin_is_too_far_back_is_refused_with_its_commit,
    welcomes::a_welcome_for_no_member_is_refused_with_its_commit,
    welcomes::removal_takes_back_the_welcome_that_waits,
    directory::a_one_time_key_package_is_handed_out_once_and_the_last_resort_again,
    directory::a_publication_that_replaces_leaves_nothing_of_what_was_there,
    directory::a_resent_key_package_is_stored_once_even_after_it_was_claimed,
    directory::key_packages_over_a_limit_are_refused_whole,
    directory::an_expired_key_package_is_not_handed_out,
    directory::sixty_four_claims_at_once_get_different_key_packages,
    directory::cards_are_listed_by_name_and_agency_in_pages,
    access::access_is_open_until_it_is_ended_and_its_id_opens_nothing_again,
    access::access_for_or_by_no_member_and_too_many_ranges_are_refused,
    access::removal_ends_all_access_of_the_removed_device_only,
    access::beginning_anew_ends_all_access_from_before,
    access::open_entries_of_a_group_are_limited,
    blobs::an_upload_goes_on_where_it_stopped_and_comes_back_as_it_was_sent,
    blobs::a_small_blob_comes_back_too,
    blobs::an_upload_that_is_not_whole_or_not_what_it_says_is_not_finished,
    blobs::chunks_that_do_not_fit_or_come_from_somebody_else_are_refused,
    blobs::the_same_chunk_sent_many_times_at_once_is_taken_once,
    blobs::a_deleted_blob_is_gone_and_its_space_and_quota_come_back,
    blobs::an_upload_beyond_the_quota_is_refused_and_reserves_nothing,
    blobs::a_blob_id_is_not_taken_twice,
    blobs::a_chunk_whose_sender_goes_away_leaves_a_row_or_nothing,
    blobs::other_bytes_for_a_chunk_that_is_here_are_refused,
    blobs::who_has_been_removed_neither_goes_on_with_an_upload_nor_closes_it,
    blobs::a_blob_stands_at_the_first_record_that_names_it,
    blobs::an_upload_that_stands_still_can_be_expired_and_no_other,
    blobs::what_a_removed_device_uploaded_for_nobody_goes_with_it,
    blobs::uploads_that_lead_nowhere_are_limited,
    enrolment::a_request_is_taken_answered_and_collected_also_after_a_restart,
    enrolment::a_request_is_refused_for_its_reason_and_the_admin_is_told,
    enrolment::of_many_requests_on_one_invitation_exactly_one_is_taken,
    enrolment::an_invitation_makes_way_for_another_unless_a_request_waits,
    enrolment::an_invitation_that_is_withdrawn_lets_nobody_in,
    enrolment::only_the_request_that_waits_is_answered_or_refused,
    enrolment::an_agencys_renewals_that_wait_are_limited,
    enrolment::a_renewal_and_a_request_by_invitation_stand_beside_each_other,
    enrolment::strangers_fill_neither_the_store_nor_the_list_of_events,
    enrolment::the_newest_events_are_kept_and_read_in_pages,
    enrolment::an_agencys_open_invitations_are_limited,
    enrolment::what_is_over_is_swept_away_and_nothing_else,
    escrow::what_a_device_sealed_first_stays_also_after_a_restart,
    escrow::escrow_by_no_member_of_a_later_epoch_or_too_much_is_refused_whole,
    escrow::what_is_sealed_to_an_earlier_key_goes_when_two_devices_have_sealed_anew,
    escrow::certificates_are_kept_once_and_those_missing_are_told,
    escrow::a_person_gets_back_the_epochs_in_which_a_device_of_theirs_was_a_member,
    recoveries::an_attempt_is_announced_once_and_stands_alone_for_its_device,
    recoveries::an_objection_or_a_withdrawal_ends_an_attempt_for_good,
    recoveries::what_is_handed_out_opens_the_log_to_a_device_that_is_no_member,
    recoveries::attempts_are_limited_and_the_oldest_that_is_over_makes_way,
    trust::what_has_been_in_force_is_remembered_and_the_charter_never_falls,
    ledger::a_ledger_grows_from_its_end_only_and_is_there_after_a_restart,
    ledger::a_ledgers_end_is_signed_anew_and_never_for_an_earlier_time,
    audit::every_act_leaves_one_entry_and_a_refused_or_repeated_one_none,
    audit::the_trail_is_read_in_pages_without_gaps_after_a_restart,
    concurrency::sixty_four_writers_share_flushes_and_the_chain_holds,
    concurrency::of_many_commits_at_once_exactly_one_wins,
    concurrency::a_reader_always_sees_a_log_without_gaps_that_only_grows,
    concurrency::hints_tell_what_became_durable,
    opening::everything_is_there_after_reopening,
    opening::the_check_finds_nothing_on_a_whole_store,
);
