//! The steps of the walk: a function from what was found to what is done, what comes next, and who is waited for.

use crate::start::plan::{Part, Plan};
use alcove_proto::names::TrustDomain;

/// What lies in the folder of a walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What the person has said.
    pub plan: Option<Plan>,
    /// Whether their CA is made.
    pub has_ca: bool,
    /// Whose agency files have come.
    pub agencies: Vec<TrustDomain>,
    /// Whether the certificate of the server's CA has come.
    pub has_server_ca: bool,
    /// The charter, as far as it is signed.
    pub charter: Option<FoundCharter>,
    /// Whether the server's keys are made.
    pub has_server_request: bool,
    /// Whether they are certified.
    pub has_server_certificate: bool,
    /// Whose revocation list the server lacks.
    pub lists_missing: Vec<TrustDomain>,
}

/// A charter in the folder of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCharter {
    /// Who has signed.
    pub signed: Vec<TrustDomain>,
    /// Who has to sign still.
    pub must_sign: Vec<TrustDomain>,
}

/// Which step it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepName {
    /// Say who one is, and the names.
    Names,
    /// Make the CA.
    Ca,
    /// Have the public files of the others.
    Gather,
    /// Draft the charter.
    Draft,
    /// Have the charter from the admin who drafts it.
    Charter,
    /// Hear the words of the others' keys, and sign.
    Sign,
    /// Have everybody's signature.
    Signatures,
    /// Make the server's keys.
    ServerKeys,
    /// Certify them.
    ServerCertificate,
    /// Have the first revocation list of every agency.
    Lists,
}

/// Somebody else, who has to do something before one can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// The admin of an agency.
    Agency(TrustDomain),
    /// The admin who drafts the charter.
    Drafter,
    /// The server's operator.
    Operator,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It is done.
    Done,
    /// It is the next one, and the person's own.
    Next,
    /// It is the next one, and others have to send something first.
    Waiting(Vec<Whom>),
    /// Others come before it.
    Later,
}

/// One step of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub name: StepName,
    /// How far it is.
    pub state: State,
}

/// The steps of whoever has this folder, in their order. At most one is next or waits; when none does, the walk is at its end.
pub fn steps(found: &Found) -> Vec<Step> {
    let Some(plan) = &found.plan else {
        return vec![Step { name: StepName::Names, state: State::Next }];
    };
    let mut is_ahead = false;
    let in_order = order(&plan.part).iter().map(|name| {
        let state = if is_ahead { State::Later } else { state(*name, &plan.part, found) };
        is_ahead |= state != State::Done;
        Step { name: *name, state }
    });
    in_order.collect()
}

fn order(part: &Part) -> &'static [StepName] {
    use StepName as S;
    match part {
        Part::Drafts { .. } => &[S::Names, S::Ca, S::Gather, S::Draft, S::Sign, S::Signatures],
        Part::Signs { .. } => &[S::Names, S::Ca, S::Charter, S::Sign, S::Signatures],
        Part::Operates { .. } => {
            &[S::Names, S::Ca, S::ServerKeys, S::ServerCertificate, S::Charter, S::Lists]
        }
    }
}

/// How far a step is when all before it are done.
fn state(name: StepName, part: &Part, found: &Found) -> State {
    let own = |is_done| if is_done { State::Done } else { State::Next };
    let waiting = |whom: Vec<Whom>| if whom.is_empty() { State::Done } else { State::Waiting(whom) };
    let charter = found.charter.as_ref();
    match name {
        StepName::Names => State::Done,
        StepName::Ca => own(found.has_ca),
        StepName::ServerKeys => own(found.has_server_request),
        StepName::ServerCertificate => own(found.has_server_certificate),
        StepName::Draft => own(charter.is_some()),
        // Whoever has drafted needs nothing more from the others for it.
        StepName::Gather if charter.is_some() => State::Done,
        StepName::Gather => waiting(missing(part, found)),
        StepName::Lists => waiting(found.lists_missing.iter().cloned().map(Whom::Agency).collect()),
        StepName::Charter => waiting(if charter.is_some() { Vec::new() } else { vec![Whom::Drafter] }),
        StepName::Sign => {
            let own_domain = part.agency().map(|agency| &agency.trust_domain);
            let has_signed =
                |charter: &FoundCharter| own_domain.is_some_and(|own| charter.signed.contains(own));
            own(charter.is_some_and(has_signed))
        }
        StepName::Signatures => {
            let must_sign = charter.map(|charter| charter.must_sign.clone()).unwrap_or_default();
            match part {
                Part::Drafts { .. } => waiting(must_sign.into_iter().map(Whom::Agency).collect()),
                // The drafter gathers them, and sends the whole.
                Part::Signs { .. } | Part::Operates { .. } if must_sign.is_empty() => State::Done,
                Part::Signs { .. } | Part::Operates { .. } => State::Waiting(vec![Whom::Drafter]),
            }
        }
    }
}

/// Who has not sent their public file yet.
fn missing(part: &Part, found: &Found) -> Vec<Whom> {
    let others = match part {
        Part::Drafts { others, .. } => others.as_slice(),
        Part::Signs { .. } | Part::Operates { .. } => &[],
    };
    let agencies = others.iter().filter(|other| !found.agencies.contains(other)).cloned().map(Whom::Agency);
    agencies.chain((!found.has_server_ca).then_some(Whom::Operator)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ca::agency::AgencyProfile;
    use alcove_proto::v1::Side;

    fn domain(label: &str) -> TrustDomain {
        format!("{label}.northmark.example").parse().unwrap()
    }

    fn agency(label: &str) -> AgencyProfile {
        AgencyProfile { trust_domain: domain(label), display_name: label.to_owned(), side: Side::Provider }
    }

    fn found(part: Part) -> Found {
        let plan = Plan { collaborative: "northmark.example".parse().unwrap(), part };
        Found { plan: Some(plan), ..Found::default() }
    }

    /// The step that is next or waits.
    fn current(found: &Found) -> Option<Step> {
        let steps = steps(found);
        let mut open = steps.into_iter().filter(|step| matches!(step.state, State::Next | State::Waiting(_)));
        let first = open.next();
        assert!(open.next().is_none(), "one at a time");
        first
    }

    fn expect(found: &Found, name: StepName, state: State) {
        assert_eq!(current(found), Some(Step { name, state }), "{found:?}");
    }

    #[test]
    fn whoever_drafts_waits_for_each_of_the_others_and_draws_up_the_charter_when_all_have_sent() {
        expect(&Found::default(), StepName::Names, State::Next);
        let server_name = "alcove.northmark.example".to_owned();
        let others = vec![domain("elmgate"), domain("prosecution")];
        let mut found = found(Part::Drafts { agency: agency("harborlight"), others, server_name });
        expect(&found, StepName::Ca, State::Next);
        found.has_ca = true;
        let (elmgate, prosecution) = (Whom::Agency(domain("elmgate")), Whom::Agency(domain("prosecution")));
        expect(&found, StepName::Gather, State::Waiting(vec![elmgate, prosecution.clone(), Whom::Operator]));
        found.agencies = vec![domain("elmgate"), domain("nobody")];
        found.has_server_ca = true;
        expect(&found, StepName::Gather, State::Waiting(vec![prosecution.clone()]));
        found.agencies.push(domain("prosecution"));
        expect(&found, StepName::Draft, State::Next);
        let (signed, must_sign) = (Vec::new(), vec![domain("harborlight"), domain("prosecution")]);
        found.charter = Some(FoundCharter { signed, must_sign });
        expect(&found, StepName::Sign, State::Next);
        let (signed, must_sign) = (vec![domain("harborlight")], vec![domain("prosecution")]);
        found.charter = Some(FoundCharter { signed, must_sign });
        expect(&found, StepName::Signatures, State::Waiting(vec![prosecution]));
        found.charter = Some(FoundCharter { signed: vec![domain("harborlight")], must_sign: Vec::new() });
        assert_eq!(current(&found), None, "the end");
        // What the others sent may be tidied away once the charter is there; a lost CA is not.
        found.agencies.clear();
        assert_eq!(current(&found), None);
        found.has_ca = false;
        expect(&found, StepName::Ca, State::Next);
    }

    #[test]
    fn whoever_signs_waits_for_the_charter_and_the_operator_does_what_is_theirs_first() {
        let mut signs = found(Part::Signs { agency: agency("elmgate") });
        signs.has_ca = true;
        expect(&signs, StepName::Charter, State::Waiting(vec![Whom::Drafter]));
        let both = vec![domain("elmgate"), domain("harborlight")];
        signs.charter = Some(FoundCharter { signed: Vec::new(), must_sign: both });
        expect(&signs, StepName::Sign, State::Next);
        let (signed, must_sign) = (vec![domain("elmgate")], vec![domain("harborlight")]);
        signs.charter = Some(FoundCharter { signed: signed.clone(), must_sign });
        expect(&signs, StepName::Signatures, State::Waiting(vec![Whom::Drafter]));
        signs.charter = Some(FoundCharter { signed, must_sign: Vec::new() });
        assert_eq!(current(&signs), None);

        let mut operates = found(Part::Operates { server_name: "alcove.northmark.example".to_owned() });
        operates.has_ca = true;
        expect(&operates, StepName::ServerKeys, State::Next);
        operates.has_server_request = true;
        expect(&operates, StepName::ServerCertificate, State::Next);
        operates.has_server_certificate = true;
        expect(&operates, StepName::Charter, State::Waiting(vec![Whom::Drafter]));
        let signed = vec![domain("elmgate"), domain("harborlight")];
        operates.charter = Some(FoundCharter { signed, must_sign: Vec::new() });
        operates.lists_missing = vec![domain("elmgate")];
        expect(&operates, StepName::Lists, State::Waiting(vec![Whom::Agency(domain("elmgate"))]));
        operates.lists_missing.clear();
        assert_eq!(current(&operates), None);
    }
}
