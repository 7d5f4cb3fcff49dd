//! Every limit both ends keep to, with its unit in its name.
//!
//! A limit only one end has stands with that end (the server's deadlines and rates in its config).

/// Bytes of one gRPC message: the largest commit with its welcome.
pub const MESSAGE_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Bytes of one MLS commit. A thousand cold X-Wing leaves make 3.1 MB.
pub const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one MLS welcome. A thousand joiners make 1.3 MB.
pub const WELCOME_BYTES_MAX: usize = 1536 * 1024;
/// Bytes of the GroupInfo that creates a group: one leaf.
pub const GROUP_INFO_BYTES_MAX: usize = 64 * 1024;
/// Bytes of the GroupInfo that goes with a commit, without the tree: some 2 KiB and 100 bytes for each owner.
pub const COMMIT_GROUP_INFO_BYTES_MAX: usize = 32 * 1024;
/// Bytes of a ratchet tree.
pub const TREE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of one chunk of a tree on its way.
pub const TREE_CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of one sealed record: it fits one value of the store.
pub const RECORD_BYTES_MAX: usize = 60 * 1024;
/// Bytes of the text of one note; anything longer goes as a document.
pub const NOTE_TEXT_BYTES_MAX: usize = 32 * 1024;
/// Bytes of one title.
pub const TITLE_BYTES_MAX: usize = 256;
/// Bytes of one key package.
pub const KEY_PACKAGE_BYTES_MAX: usize = 16 * 1024;
/// One-time key packages one device may have waiting.
pub const KEY_PACKAGES_PER_DEVICE_MAX: usize = 100;
/// Devices one claim may name.
pub const CLAIM_IDENTITIES_MAX: usize = 1024;
/// Leaves of one group.
pub const GROUP_LEAVES_MAX: usize = 2048;
/// Bytes of one encoded SealedCard.
pub const SEALED_CARD_BYTES_MAX: usize = 2048;
/// Bytes a signed card is padded to before it is sealed.
pub const CARD_PADDED_BYTES: usize = 1024;
/// Bytes of a name or a role on a card.
pub const CARD_TEXT_BYTES_MAX: usize = 200;
/// Cards in one answer.
pub const CARDS_PER_PAGE_MAX: usize = 500;
/// Entries of one page of a log.
pub const LOG_PAGE_ENTRIES_MAX: usize = 1000;
/// Bytes of one page of a log, unless one entry alone is larger.
pub const LOG_PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Entry digests one receipt or welcome may carry.
pub const LINK_DIGESTS_MAX: usize = 1024;
/// Ties between the keys of one device that its vault keeps and shows: one renewal in two months makes ten years.
pub const KEY_TIES_MAX: usize = 64;
/// Groups one subscription may follow.
pub const CURSORS_MAX: usize = 4096;
/// Welcomes in one answer.
pub const WELCOMES_PER_PAGE_MAX: usize = 8;
/// Ranges of one access entry.
pub const ACCESS_RANGES_MAX: usize = 1024;
/// Access entries of one group.
pub const ACCESS_PER_GROUP_MAX: usize = 4096;
/// Records one grant may open: its keys fit one record.
pub const GRANT_RECORDS_MAX: usize = 500;
/// Author chains one grant may carry.
pub const GRANT_CHAINS_MAX: usize = 12;
/// Plaintext bytes of one chunk of a document.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// Bytes AES-256-GCM adds to a chunk.
pub const CHUNK_TAG_BYTES: usize = 16;
/// Chunks of one document: 16 TiB would be absurd, 1 TiB is the limit.
pub const CHUNKS_MAX: u32 = 1024 * 1024;
/// Blobs one record may make readable.
pub const RECORD_BLOBS_MAX: usize = 16;
/// Uploads one device may have that no record names yet.
pub const UPLOADS_PER_DEVICE_MAX: usize = 1024;
/// Milliseconds after which an upload that is not closed and gets no chunk is deleted: 30 days.
pub const UPLOAD_IDLE_MS_MAX: i64 = 30 * 24 * 3600 * 1000;
/// Smallest padded size of a sealed record's plaintext, bytes.
pub const RECORD_PADDING_FLOOR_BYTES: usize = 256;
/// Bytes of a file name as it travels in a manifest.
pub const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of a media type.
pub const MEDIA_TYPE_BYTES_MAX: usize = 127;
/// Agencies of one charter.
pub const AGENCIES_MAX: usize = 200;
/// CA certificates of one agency: old and new while it rolls.
pub const AGENCY_CAS_MAX: usize = 2;
/// Bytes of one encoded signed charter.
pub const CHARTER_BYTES_MAX: usize = 1024 * 1024;
/// Charter versions in one answer.
pub const CHARTERS_PER_PAGE_MAX: usize = 32;
/// Bytes of one CRL: 80,000 entries make 4.8 MB.
pub const CRL_BYTES_MAX: usize = 5 * 1024 * 1024;
/// By how much the number of an agency's CRL may rise from one list to the next.
pub const CRL_NUMBER_RISE_MAX: u64 = 1000;
/// CRLs of one agency that the desk takes in a minute.
pub const CRLS_PER_MINUTE_MAX: u64 = 6;
/// Milliseconds that a CRL may be dated ahead of the desk's clock. Devices allow more, so that what a desk takes is good at a
/// device whose clock is behind.
pub const CRL_AHEAD_MS_MAX: i64 = 60 * 1000;
/// Serials that are remembered as listed by one CA of an agency, those that its newest list leaves out included.
pub const LISTED_SERIALS_MAX: usize = 200_000;
/// Serials of a list in force that an agency's folder takes over though its ledger does not know them: whoever has stolen the
/// CA's key must not make a ledger of it that nobody can open.
pub const ADOPTED_SERIALS_MAX: usize = 20_000;
/// Milliseconds for which a list counts as current after a newer one has come: 10 minutes.
pub const CRL_RECENT_MS: i64 = 10 * 60 * 1000;
/// Lists of one agency that are remembered as having been the newest: as many as the desk takes in ten minutes.
pub const CRLS_REMEMBERED_MAX: usize = 60;
/// Certificates of one chain below the trust anchor.
pub const CHAIN_CERTIFICATES_MAX: usize = 4;
/// Bytes of one certificate.
pub const CERTIFICATE_BYTES_MAX: usize = 8 * 1024;
/// Bytes of a trust domain.
pub const TRUST_DOMAIN_BYTES_MAX: usize = 200;
/// Characters of a handle: 80 bits of base32.
pub const HANDLE_BYTES: usize = 16;
/// Highest device number of one person.
pub const DEVICE_NUMBER_MAX: u16 = 999;
/// Seconds a certificate is backdated, so that a clock this far behind still works.
pub const CERTIFICATE_BACKDATE_SECONDS: u64 = 3600;
/// Milliseconds a commit's own time may differ from the server's clock.
pub const COMMIT_CLOCK_SKEW_MS_MAX: i64 = 2 * 3600 * 1000;
/// Milliseconds a commit's own time may differ from when its entry was received, for whoever reads it: ten minutes more
/// than the server grants, so that nothing it takes is refused later.
pub const COMMIT_TIME_SKEW_MS_MAX: i64 = COMMIT_CLOCK_SKEW_MS_MAX + 10 * 60 * 1000;
/// Milliseconds of clock difference at which a client warns.
pub const CLOCK_WARNING_MS: i64 = 5 * 60 * 1000;
/// Bytes of one encoded EnrolmentRequest: two CSRs of some 200 bytes each and a point.
pub const REQUEST_BYTES_MAX: usize = 4 * 1024;
/// Bytes of one encoded SignedRenewal.
pub const RENEWAL_BYTES_MAX: usize = 16 * 1024;
/// Milliseconds after it was made in which a renewal is taken: 14 days, so that an admin may be away.
pub const RENEWAL_AGE_MS_MAX: i64 = 14 * 24 * 3600 * 1000;
/// Milliseconds a renewal's or denial's time may be ahead of the clock of whoever judges it: 10 minutes.
pub const DESK_CLOCK_AHEAD_MS_MAX: i64 = 10 * 60 * 1000;
/// Bytes of one encoded SealedAnswer: it fits one value of the store.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024;
/// Bytes of one encoded Order; one may carry a charter that is to come.
pub const ORDER_BYTES_MAX: usize = CHARTER_BYTES_MAX + 64 * 1024;
/// Bytes of one encoded SignedDenial.
pub const DENIAL_BYTES_MAX: usize = 16 * 1024;
/// Characters of one invitation as it is handed over.
pub const INVITATION_CHARS_MAX: usize = 4 * 1024;
/// Bytes of the mail that one invitation is looked for in.
pub const INVITATION_MAIL_BYTES_MAX: usize = 256 * 1024;
/// Milliseconds an invitation holds: 72 hours.
pub const INVITATION_MS: i64 = 72 * 3600 * 1000;
/// Milliseconds an order's time may differ from the server's clock: 10 minutes.
pub const ORDER_CLOCK_SKEW_MS_MAX: i64 = 10 * 60 * 1000;
/// Requests in one answer to an admin.
pub const REQUESTS_PER_PAGE_MAX: usize = 100;
/// Events of the desk that are kept for one agency.
pub const DESK_EVENTS_MAX: usize = 1000;
/// Open invitations of one agency.
pub const INVITATIONS_PER_AGENCY_MAX: usize = 1000;
/// Renewals of one agency that wait: more than a large agency has devices, all of which may renew on the day of a roll-over.
pub const RENEWALS_PER_AGENCY_MAX: usize = 4096;
/// Milliseconds in which a denial is handed in after it was made: 10 minutes.
pub const DENIAL_AGE_MS_MAX: i64 = 10 * 60 * 1000;
/// Denials that were lifted and are remembered, so that none comes a second time.
pub const LIFTED_DENIALS_MAX: usize = 65_536;
/// Denials of one agency in force at one time.
pub const DENIALS_PER_AGENCY_MAX: usize = 1000;
/// Officers among whom a recovery key is split.
pub const RECOVERY_OFFICERS_MAX: u32 = 16;
/// Bytes of one encoded RecoveryShare: sixteen commitments of 33 bytes and a sealed scalar.
pub const RECOVERY_SHARE_BYTES_MAX: usize = 4 * 1024;
/// Entries of one escrow bundle: two for each of 50,000 epochs.
pub const ESCROW_ENTRIES_MAX: usize = 100_000;
/// Bytes of one encoded EscrowBundle; an entry has some 180.
pub const ESCROW_BUNDLE_BYTES_MAX: usize = 24 * 1024 * 1024;
/// Bytes of one encoded RecoveredKeys.
pub const RECOVERED_KEYS_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Epochs one call may bring escrow of.
pub const ESCROW_ENTRIES_PER_CALL_MAX: usize = 256;
/// Received grants one call may bring escrow of.
pub const ESCROW_GRANTS_PER_CALL_MAX: usize = 16;
/// Bytes of one encoded EscrowedGrant: the keys of one grant, with their positions and hashes.
pub const ESCROWED_GRANT_BYTES_MAX: usize = 56 * 1024;
/// Certificates one call may bring with escrow.
pub const ESCROW_CERTIFICATES_PER_CALL_MAX: usize = 256;
/// Certificates kept with the escrow of one agency in one group.
pub const ESCROW_CERTIFICATES_PER_GROUP_MAX: usize = 32 * 1024;
/// Epochs in one answer about sealings.
pub const SEALINGS_PER_PAGE_MAX: usize = 1000;
/// Bytes of one page of escrow on its way to an admin.
pub const ESCROW_PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Milliseconds between the announcement of a recovery and the first thing handed out: 72 hours.
pub const RECOVERY_DELAY_MS: i64 = 72 * 3600 * 1000;
/// Milliseconds for which an attempt that nobody objected to may be handed out: 30 days.
pub const RECOVERY_OPEN_MS: i64 = 30 * 24 * 3600 * 1000;
/// Attempts at recovery kept for one agency, and shown.
pub const RECOVERY_ATTEMPTS_MAX: usize = 100;
/// Bytes of one encoded SignedObjection.
pub const OBJECTION_BYTES_MAX: usize = 16 * 1024;
/// Bytes of one encoded LedgerEntry.
pub const LEDGER_ENTRY_BYTES_MAX: usize = 1024;
/// Bytes of one encoded SignedLedgerHead.
pub const LEDGER_HEAD_BYTES_MAX: usize = 1024;
/// Entries of a ledger in one call, and in one answer.
pub const LEDGER_ENTRIES_PER_CALL_MAX: usize = 1000;
/// Entries of one agency's ledger: a hundred thousand devices for a year.
pub const LEDGER_ENTRIES_MAX: u64 = 1_000_000;
/// Milliseconds a ledger head's time may be ahead of the server's clock: 10 minutes.
pub const LEDGER_CLOCK_AHEAD_MS_MAX: i64 = 10 * 60 * 1000;
/// Milliseconds a device waits for a certificate to turn up in the ledger, by its own clock: 24 hours.
pub const LEDGER_UNLISTED_MS_MAX: i64 = 24 * 3600 * 1000;
