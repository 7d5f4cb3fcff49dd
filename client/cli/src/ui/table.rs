//! Columns of text that line up, whatever script is in them, and fit the screen.

use alcove_programs::{
    fold::{fold, of_results},
    text::safe_line,
};
use unicode_width::UnicodeWidthStr;

/// Spaces between two columns.
const GAP: usize = 2;

/// A table without lines: a heading, then rows. Every cell is made safe on its way in.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    pub(crate) fn new(headings: &[&str]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| safe_line(cell)).collect());
    }

    /// The whole as text that fits where results go; every line ends in a line break.
    pub(crate) fn render(&self) -> String {
        self.render_in(of_results())
    }

    /// The whole as text of at most so many columns: cells are folded at words, and where that is not enough, a row takes
    /// a line for each of its cells.
    fn render_in(&self, columns: Option<usize>) -> String {
        let widest = |measure: &dyn Fn(&str) -> usize| -> Vec<usize> {
            let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
            let cells = |column: usize| self.rows.iter().filter_map(move |row| row.get(column));
            (0..count).map(|column| cells(column).map(|cell| measure(cell)).max().unwrap_or(0)).collect()
        };
        let mut widths = widest(&|cell| cell.width());
        let Some(columns) = columns else { return self.side_by_side(&widths) };
        let least = widest(&|cell| cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0));
        let gaps = GAP * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > columns {
            let narrower = (0..widths.len()).filter(|column| widths[*column] > least[*column]);
            match narrower.max_by_key(|column| widths[*column]) {
                Some(column) => widths[column] -= 1,
                None => return self.one_below_another(columns),
            }
        }
        self.side_by_side(&widths)
    }

    fn side_by_side(&self, widths: &[usize]) -> String {
        let mut text = String::new();
        for row in &self.rows {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| fold(cell, Some(*width), 0)).collect();
            let lines = cells.iter().map(|cell| cell.split('\n').count()).max().unwrap_or(0);
            for number in 0..lines {
                let mut line = String::new();
                for (cell, width) in cells.iter().zip(widths) {
                    let part = cell.split('\n').nth(number).unwrap_or_default();
                    line.push_str(part);
                    line.push_str(&" ".repeat(width.saturating_sub(part.width()) + GAP));
                }
                text.push_str(line.trim_end());
                text.push('\n');
            }
        }
        text
    }

    fn one_below_another(&self, columns: usize) -> String {
        let Some((headings, rows)) = self.rows.split_first() else { return String::new() };
        let label = headings.iter().map(|heading| heading.width()).max().unwrap_or(0) + GAP;
        let mut text = String::new();
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                text.push('\n');
            }
            for (heading, cell) in headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
                let line = format!("{heading}{}{cell}", " ".repeat(label - heading.width()));
                text.push_str(&fold(&line, Some(columns), label));
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_for_wide_scripts_too() {
        let mut table = Table::new(&["NAME", "AGENCY"]);
        table.row(["趙薇齡", "Harborlight"]);
        table.row(["Danylo", "Elmgate"]);
        assert_eq!(table.render_in(None), "NAME    AGENCY\n趙薇齡  Harborlight\nDanylo  Elmgate\n");
    }

    #[test]
    fn a_cell_cannot_start_a_line_of_its_own() {
        let mut table = Table::new(&["TITLE"]);
        table.row(["Blue\nHeron\u{1b}[A"]);
        assert_eq!(table.render().lines().count(), 2);
        assert!(!table.render().contains('\u{1b}'));
    }

    /// As `alcove case list` shows it.
    fn cases() -> Table {
        let mut table = Table::new(&["ID", "TITLE", "LAST", ""]);
        table.row(["0123abcd", "the blue heron of the north shore", "2026-11-30 15:01 UTC+1", ""]);
        table.row(["4567cdef", "趙薇齡", "2026-11-29 09:30 UTC+1", "archived; ALARM: see `alcove status`"]);
        table
    }

    #[test]
    fn a_table_fits_the_screen_and_its_ids_stay_whole() {
        for columns in [80, 60, 40, 30] {
            let text = cases().render_in(Some(columns));
            for line in text.lines() {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            for id in ["0123abcd", "4567cdef"] {
                assert!(text.contains(id), "{columns}: {text}");
            }
        }
        // The control: left alone it would not.
        assert!(cases().render_in(None).lines().any(|line| line.width() > 80));
    }

    #[test]
    fn what_fits_is_as_it_is_where_there_is_no_screen() {
        let mut table = Table::new(&["A", "B"]);
        table.row(["one two", "three"]);
        assert_eq!(table.render_in(Some(80)), table.render_in(None));
    }

    #[test]
    fn on_a_very_narrow_screen_each_cell_has_its_line_and_its_heading() {
        let mut table = Table::new(&["ID", "IDENTITY"]);
        table.row(["0123abcd", "spiffe://harborlight.example/staff/abc"]);
        let text = table.render_in(Some(30));
        assert!(text.contains("ID        0123abcd\n"), "{text}");
        assert!(text.contains("spiffe://harborlight.example/staff/abc\n"), "never cut: {text}");
    }
}
