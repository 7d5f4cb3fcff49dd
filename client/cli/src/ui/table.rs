//! Columns of text that line up, whatever script is in them.

use alcove_programs::text::safe_line;
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

    /// The whole as text; every line ends in a line break.
    pub(crate) fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width - cell.width() + GAP));
            }
            text.push_str(line.trim_end());
            text.push('\n');
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
        assert_eq!(table.render(), "NAME    AGENCY\n趙薇齡  Harborlight\nDanylo  Elmgate\n");
    }

    #[test]
    fn a_cell_cannot_start_a_line_of_its_own() {
        let mut table = Table::new(&["TITLE"]);
        table.row(["Blue\nHeron\u{1b}[A"]);
        assert_eq!(table.render().lines().count(), 2);
        assert!(!table.render().contains('\u{1b}'));
    }
}
