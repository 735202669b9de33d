//! Tables of pages, as rows of cells.

/// The cells of a table's row. A bar within a cell has a backslash before it.
pub(crate) fn cells_of(row: &str) -> Vec<&str> {
    let inner = row.trim().trim_start_matches('|').trim_end_matches('|');
    let (mut cells, mut start) = (Vec::new(), 0);
    for (at, _) in inner.match_indices('|') {
        if !inner[..at].ends_with('\\') {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(inner[start..].trim());
    cells
}

/// What stands in backquotes.
pub(crate) fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The rows of the table whose header begins so.
pub(crate) fn rows<'p>(page: &'p str, header: &str) -> Vec<Vec<&'p str>> {
    let table = page.lines().skip_while(|line| !line.starts_with(header));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(cells_of).collect()
}
