//! The one table of a run, as Markdown for people and JSON for programs.

use crate::stats::median;
use serde_json::{Value, json};

/// One row: a workload, its bound or straw man, ours, and whether the goal is met.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The row's number among the yardsticks, with a letter where one has several figures.
    pub(crate) number: &'static str,
    /// What was done.
    pub(crate) workload: String,
    /// The unit of `bound` and `ours`.
    pub(crate) unit: &'static str,
    /// What the bound or the straw man reached in the same run, and which of them it was.
    pub(crate) bound: Option<(f64, &'static str)>,
    /// What Alcove reached; none when the run was void.
    pub(crate) ours: Option<f64>,
    /// The goal, in words.
    pub(crate) goal: String,
    /// Whether it was met; none when that cannot be said.
    pub(crate) met: Option<bool>,
    /// Every round's figure.
    pub(crate) rounds: Vec<f64>,
    /// Why there is no figure, or what else must be known.
    pub(crate) remark: String,
}

impl Row {
    /// A row whose figure is still to come.
    pub(crate) fn new(number: &'static str, workload: impl Into<String>, unit: &'static str) -> Self {
        Self {
            number,
            workload: workload.into(),
            unit,
            bound: None,
            ours: None,
            goal: String::new(),
            met: None,
            rounds: Vec::new(),
            remark: String::new(),
        }
    }

    /// With what each round of ours reached; the median counts.
    pub(crate) fn ours(mut self, rounds: Vec<f64>) -> Self {
        self.ours = (!rounds.is_empty()).then(|| median(&rounds));
        self.rounds = rounds;
        self
    }

    /// With what the other side reached in the same run.
    pub(crate) fn beside(mut self, name: &'static str, rounds: &[f64]) -> Self {
        self.bound = (!rounds.is_empty()).then(|| (median(rounds), name));
        self
    }

    /// The goal: ours at most `limit`.
    pub(crate) fn at_most(mut self, limit: f64, goal: impl Into<String>) -> Self {
        self.goal = goal.into();
        self.met = self.ours.map(|ours| ours <= limit);
        self
    }

    /// The goal: ours at least `limit`.
    pub(crate) fn at_least(mut self, limit: f64, goal: impl Into<String>) -> Self {
        self.goal = goal.into();
        self.met = self.ours.map(|ours| ours >= limit);
        self
    }

    /// A second goal beside the one before: ours over the bound at most `ratio`.
    pub(crate) fn and_at_most_times(mut self, ratio: f64) -> Self {
        self.goal.push_str(&format!(" and <= {ratio} x"));
        self.met = self.met.zip(self.ratio()).map(|(met, is)| met && is <= ratio);
        self
    }

    /// The goal: ours over the bound at most `ratio`.
    pub(crate) fn at_most_times(mut self, ratio: f64) -> Self {
        self.goal = format!("<= {ratio} x");
        self.met = self.ratio().map(|is| is <= ratio);
        self
    }

    /// The goal: ours over the bound at least `ratio`.
    pub(crate) fn at_least_times(mut self, ratio: f64) -> Self {
        self.goal = format!(">= {ratio} x");
        self.met = self.ratio().map(|is| is >= ratio);
        self
    }

    /// What else must be known.
    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = remark.into();
        self
    }

    /// A workload that went wrong has no speed.
    pub(crate) fn void(mut self, why: impl Into<String>) -> Self {
        self.ours = None;
        self.met = None;
        self.remark = why.into();
        self
    }

    /// Ours over the bound.
    pub(crate) fn ratio(&self) -> Option<f64> {
        match (self.ours, self.bound) {
            (Some(ours), Some((bound, _))) if bound > 0.0 => Some(ours / bound),
            _ => None,
        }
    }
}

/// A figure with as many digits as it deserves.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value.abs() >= 1000.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.3}"),
    }
}

/// The table in Markdown.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::from(
        "| # | workload | unit | bound or straw man | ours | ratio | goal | met |\n|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let bound =
            row.bound.map_or_else(|| "-".into(), |(value, name)| format!("{} ({name})", figure(Some(value))));
        let met = match row.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let remark = if row.remark.is_empty() { String::new() } else { format!("; {}", row.remark) };
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {}{} | {} |\n",
            row.number,
            row.workload,
            row.unit,
            bound,
            figure(row.ours),
            figure(row.ratio()),
            row.goal,
            remark,
            met
        ));
    }
    text
}

/// The rows in JSON.
pub(crate) fn json(rows: &[Row]) -> Value {
    let row = |row: &Row| {
        json!({
            "number": row.number,
            "workload": row.workload,
            "unit": row.unit,
            "bound": row.bound.map(|(value, _)| value),
            "bound_is": row.bound.map(|(_, name)| name),
            "ours": row.ours,
            "ratio": row.ratio(),
            "goal": row.goal,
            "met": row.met,
            "rounds": row.rounds,
            "remark": row.remark,
        })
    };
    Value::Array(rows.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_figure_says_so_and_has_no_ratio() {
        let row = Row {
            number: "2",
            workload: "notes".into(),
            unit: "/s",
            bound: Some((100.0, "straw man")),
            ours: None,
            goal: ">= 0.8 x".into(),
            met: None,
            rounds: Vec::new(),
            remark: "one note was lost".into(),
        };
        assert_eq!(row.ratio(), None);
        let text = markdown(&[row]);
        assert!(text.contains("| 100.0 (straw man) | - | - | >= 0.8 x; one note was lost | - |"), "{text}");
    }

    #[test]
    fn two_goals_are_met_together_or_not_at_all() {
        let row = |ours| Row::new("7", "memory", "MiB").ours(vec![ours]).beside("256 MiB", &[40.0]);
        let met = |ours| row(ours).at_most(48.0, "<= 48 MiB").and_at_most_times(1.1).met;
        assert_eq!(met(43.0), Some(true));
        assert_eq!(met(45.0), Some(false), "below the limit, and over 1.1 times the bound");
        assert_eq!(met(49.0), Some(false));
        let alone = Row::new("7", "memory", "MiB").ours(vec![43.0]);
        assert_eq!(alone.at_most(48.0, "<= 48 MiB").and_at_most_times(1.1).met, None, "without a bound");
    }

    #[test]
    fn a_goal_from_below_is_met_from_its_limit_on() {
        let met = |ours| Row::new("13c", "space", "%").ours(vec![ours]).at_least(95.0, ">= 95 %").met;
        assert_eq!((met(95.0), met(94.9)), (Some(true), Some(false)));
    }
}
