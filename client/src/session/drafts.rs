//! Drafts: what was typed for a note and did not become one, sealed until somebody goes on with it.
//!
//! A note may have several: of two windows, or of a person who let one lie and began another. Each is kept under an id of
//! its own, so that none takes another's place, and only the one that somebody went on with goes when that is sent.

use super::{Error, Session};
use crate::vault::{Act, Durability, rows::DraftRow};
use alcove_e2ee::keys::draw;
use alcove_proto::ids::{GroupId, RecordId};
use zeroize::Zeroizing;

/// A draft as it was found.
pub struct FoundDraft {
    key: Vec<u8>,
    /// What was typed.
    pub text: Zeroizing<Vec<u8>>,
}

impl Session {
    /// What was typed for notes of this case, or for corrections of `corrects`, and was not written; the newest last. Local.
    pub fn drafts(&self, case: &GroupId, corrects: Option<&RecordId>) -> Result<Vec<FoundDraft>, Error> {
        let rows = self.vault.read::<_, Error>(|act| Ok(act.scan::<DraftRow>(&place(case, corrects))?))?;
        Ok(rows.into_iter().map(|(key, DraftRow(text))| FoundDraft { key, text }).collect())
    }

    /// Keeps what was typed: in place of `resumed` where it goes on with that, unless another window has done so meanwhile.
    /// Keeps nothing when there is nothing but blanks. On disk when this returns.
    pub fn keep_draft(
        &self,
        case: &GroupId,
        corrects: Option<&RecordId>,
        resumed: Option<&FoundDraft>,
        text: Zeroizing<Vec<u8>>,
    ) -> Result<(), Error> {
        if text.trim_ascii().is_empty() {
            return Ok(());
        }
        let id: [u8; 8] = draw(&*self.random).map_err(|_| Error::Randomness)?;
        // The time first, so that they lie in the order in which they were kept.
        let fresh = [&place(case, corrects)[..], &self.clock.now_ms().max(0).to_be_bytes(), &id].concat();
        self.vault.act(Durability::OnDisk, |act| {
            let key = match resumed {
                Some(draft) if is_as_found(act, draft)? => &draft.key,
                _ => &fresh,
            };
            Ok(act.put(key, &DraftRow(text))?)
        })
    }

    /// Throws the draft away: it became a note, or nobody wants it. What another window has made of it meanwhile stays.
    pub fn drop_draft(&self, draft: &FoundDraft) -> Result<(), Error> {
        self.vault.act(Durability::OnDisk, |act| {
            if is_as_found(act, draft)? {
                act.delete::<DraftRow>(&draft.key)?;
            }
            Ok(())
        })
    }
}

fn is_as_found(act: &Act<'_>, draft: &FoundDraft) -> Result<bool, Error> {
    Ok(act.get::<DraftRow>(&draft.key)?.is_some_and(|DraftRow(text)| text == draft.text))
}

/// The case, then the note that is corrected; zeros for a note of its own, which no record has as its id.
fn place(case: &GroupId, corrects: Option<&RecordId>) -> Vec<u8> {
    [case.0, corrects.map_or([0; 16], |record| record.0)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::samples::Enrolled;

    const CASE: GroupId = GroupId([7; 16]);
    const NOTE: Option<&RecordId> = Some(&RecordId([8; 16]));

    fn text(text: &str) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(text.as_bytes().to_vec())
    }

    fn kept(session: &Session) -> Vec<String> {
        let drafts = session.drafts(&CASE, None).unwrap();
        let mut texts: Vec<_> =
            drafts.iter().map(|draft| String::from_utf8_lossy(&draft.text).into_owned()).collect();
        texts.sort();
        texts
    }

    #[test]
    fn no_draft_takes_the_place_of_another_and_only_the_one_gone_on_with_goes() {
        let enrolled = Enrolled::new();
        let (one, other) = (enrolled.session(), enrolled.session());
        one.keep_draft(&CASE, None, None, text("a long page")).unwrap();
        other.keep_draft(&CASE, None, None, text("another window")).unwrap();
        one.keep_draft(&CASE, NOTE, None, text("a correction")).unwrap();
        one.keep_draft(&CASE, None, None, text(" \n")).unwrap();
        assert_eq!(kept(&one), ["a long page", "another window"]);

        let page = |session: &Session| {
            session.drafts(&CASE, None).unwrap().into_iter().find(|draft| draft.text.starts_with(b"a long"))
        };
        let (resumed, by_the_other) = (page(&one).unwrap(), page(&other).unwrap());
        one.keep_draft(&CASE, None, Some(&resumed), text("a long page, and more")).unwrap();
        assert_eq!(kept(&one), ["a long page, and more", "another window"], "it went on with it");
        // The other window went on with the same.
        other.drop_draft(&by_the_other).unwrap();
        assert_eq!(kept(&one).len(), 2, "what it has not seen stays");
        other.keep_draft(&CASE, None, Some(&by_the_other), text("a long page, otherwise")).unwrap();
        assert_eq!(kept(&one), ["a long page, and more", "a long page, otherwise", "another window"]);

        for draft in one.drafts(&CASE, None).unwrap() {
            one.drop_draft(&draft).unwrap();
        }
        assert_eq!(kept(&one), Vec::<String>::new());
        assert_eq!(one.drafts(&CASE, NOTE).unwrap().len(), 1);
    }

    #[test]
    fn a_draft_of_the_first_form_of_the_key_is_found_and_the_newest_is_last() {
        let enrolled = Enrolled::new();
        let session = enrolled.session();
        let put = |act: &Act<'_>| Ok::<_, Error>(act.put(&place(&CASE, None), &DraftRow(text("first")))?);
        session.vault.act(Durability::OnDisk, put).unwrap();
        session.keep_draft(&CASE, None, None, text("second")).unwrap();
        let drafts = session.drafts(&CASE, None).unwrap();
        assert_eq!(
            drafts.iter().map(|draft| &draft.text[..]).collect::<Vec<_>>(),
            [&b"first"[..], b"second"]
        );
    }
}
