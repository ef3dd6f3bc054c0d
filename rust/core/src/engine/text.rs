//! The text files as an engine: read, parse what changed, sort it by group.

use super::{Change, Engine, EngineError, Reading};
use crate::parse::{Cell, Incremental, Layout, TextKind, Update};
use crate::select::Selection;
use crate::source::ReadError;
use crate::source::TextSource;
use crate::{Clock, EngineName, Group, Kind, Line, ParseError, WarningType, Window};

/// How often a text that contradicts itself is read again before its sample counts as missed: a CPU that comes or goes
/// between two chunks of one read takes far less time than that.
const READ_AGAIN: u32 = 3;

/// A text cell that no group wants.
const UNWANTED: u32 = u32::MAX;

/// `/proc/interrupts` or `/proc/softirqs` as an engine.
pub struct TextEngine<S> {
    source: S,
    kind: TextKind,
    parser: Incremental,
    selection: Selection,
    groups: Vec<Group>,
    views: Vec<View>,
    /// For each cell of the text, the cell of the view of its kind, or [`UNWANTED`].
    view_cell: Vec<u32>,
    /// The parser learned a layout that the views do not show yet.
    views_stale: bool,
    text: Vec<u8>,
    changes: Vec<Change>,
    /// Read only the numbered lines when nothing else is due; every so many reads all of the text, to notice new lines.
    prefix: Option<PrefixReads>,
}

/// What one group sees of the text.
#[derive(Default)]
struct View {
    layout: Layout,
    /// For each cell of the layout, the cell of the text.
    text_cell: Vec<u32>,
    /// The group's next reading is of a new layout.
    relearned: bool,
    /// Changes went by while the group was not due: its next reading lists every cell.
    behind: bool,
}

struct PrefixReads {
    full_every: u32,
    since_full: u32,
}

impl<S: TextSource> TextEngine<S> {
    /// An engine for the lines of the text that are wanted, as counts of `engine`. It has read nothing yet.
    pub fn new(source: S, kind: TextKind, selection: Selection, engine: EngineName) -> Self {
        Self {
            parser: Incremental::new(kind, source.path()),
            source,
            kind,
            groups: groups(kind, &selection, engine),
            selection,
            views: Vec::new(),
            view_cell: Vec::new(),
            views_stale: true,
            text: Vec::new(),
            changes: Vec::new(),
            prefix: None,
        }
    }

    /// Reads and learns the text ahead of the first sample, so that this one is not late for it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, or its text does not fit the format.
    pub fn learn(&mut self, clock: &dyn Clock) -> Result<(), EngineError> {
        self.read_text(None, clock)?;
        self.learn_views();
        Ok(())
    }

    /// Takes other lines from now on.
    pub fn select(&mut self, selection: Selection) {
        let engine = self.groups.first().map_or(EngineName::Proc, |group| group.engine);
        self.groups = groups(self.kind, &selection, engine);
        self.selection = selection;
        self.learn_views();
    }

    /// The text's source, for measuring it.
    pub fn source(&mut self) -> &mut S {
        &mut self.source
    }

    /// Every line of the last text, whatever is selected.
    pub fn lines(&self) -> &[Line] {
        &self.parser.layout().lines
    }

    /// From now on reads only the numbered lines where nothing else is due, but every `full_every`-th time all.
    pub fn use_prefix(&mut self, full_every: u32) {
        self.prefix = Some(PrefixReads { full_every: full_every.max(1), since_full: 0 });
    }

    /// What was parsed of the last text, whatever is selected.
    pub const fn parser(&self) -> &Incremental {
        &self.parser
    }

    /// Lines of the last text that print more numbers than the header has CPUs.
    pub fn extra_numbers(&self) -> impl Iterator<Item = &Line> {
        self.parser.extra_numbers().iter().map(|&line| &self.parser.layout().lines[line as usize])
    }

    /// How much of the text is enough for the groups that are due, if not all.
    fn prefix_due(&mut self, due: u32) -> Option<usize> {
        let numbered = self.groups.iter().position(|group| group.kind == Kind::Irq)?;
        let prefix = self.prefix.as_mut()?;
        prefix.since_full += 1;
        if due != 1 << numbered || self.views_stale || prefix.since_full >= prefix.full_every {
            prefix.since_full = 0;
            return None;
        }
        self.parser.prefix_len()
    }

    fn learn_views(&mut self) {
        self.views_stale = false;
        let layout = self.parser.layout();
        let view = || View {
            layout: Layout { cpus: layout.cpus.clone(), ..Layout::default() },
            relearned: true,
            ..View::default()
        };
        self.views = self.groups.iter().map(|_| view()).collect();
        let mut view_of_line: Vec<Option<(usize, u32)>> = Vec::with_capacity(layout.lines.len());
        for line in &layout.lines {
            let group = self.groups.iter().position(|group| group.kind == line.kind);
            view_of_line.push(group.filter(|_| self.selection.takes(line)).map(|group| {
                let lines = &mut self.views[group].layout.lines;
                lines.push(line.clone());
                (group, index(lines.len() - 1))
            }));
        }
        // Every cell may change from one read to the next: none of them shall be the one for which memory is taken.
        self.changes.clear();
        self.changes.reserve(layout.cells.len());
        self.view_cell.clear();
        self.view_cell.reserve(layout.cells.len());
        for (text_cell, cell) in layout.cells.iter().enumerate() {
            self.view_cell.push(match view_of_line[cell.line as usize] {
                None => UNWANTED,
                Some((group, line)) => {
                    let view = &mut self.views[group];
                    view.layout.cells.push(Cell { line, cpu: cell.cpu });
                    view.text_cell.push(index(text_cell));
                    index(view.text_cell.len() - 1)
                }
            });
        }
    }

    /// Brings the parser up to a fresh text: the whole of it, or the numbered lines if `prefix` says where they end.
    fn read_text(&mut self, prefix: Option<usize>, clock: &dyn Clock) -> Result<Window, EngineError> {
        if let Some(len) = prefix {
            let window = self.source.read(Some(len), clock, &mut self.text)?;
            if self.parser.update_prefix(&self.text, &mut self.changes) {
                return Ok(window);
            }
        }
        let mut contradiction: Option<ParseError> = None;
        // The text before, where it has more numbers than CPUs: some kernels print so, and so does a CPU that came in the
        // middle of a read. It is the former if it reads the same again.
        let mut doubtful: Option<(Window, Vec<u8>)> = None;
        let mut confirmed = false;
        for _ in 0..=READ_AGAIN {
            let window = match self.source.read(None, clock, &mut self.text) {
                Ok(window) => window,
                // There is no second attempt.
                Err(ReadError::End | ReadError::Absent) if doubtful.is_some() || contradiction.is_some() => {
                    confirmed = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            match self.parser.update(&self.text, &mut self.changes) {
                Ok(Update::Changed | Update::Learned { same_layout: true }) if doubtful.is_some() => {
                    self.source.give_back(window, &self.text);
                    confirmed = true;
                    break;
                }
                Ok(Update::Changed) => return Ok(window),
                Ok(Update::Learned { same_layout: true }) => {
                    self.views.iter_mut().for_each(|view| view.behind = true);
                    return Ok(window);
                }
                Ok(Update::Learned { same_layout: false }) => {
                    self.views_stale = true;
                    if self.extra_numbers().next().is_none() {
                        return Ok(window);
                    }
                    doubtful = Some((window, self.text.clone()));
                }
                Err(error) => contradiction = Some(error),
            }
        }
        match (doubtful, contradiction) {
            (Some((window, text)), _) if confirmed => {
                self.parser.update(&text, &mut self.changes)?;
                Ok(window)
            }
            (_, Some(contradiction)) => Err(contradiction.into()),
            (Some((_, text)), None) => {
                Err(too_many_numbers(self.source.path(), &text, self.extra_numbers().next()).into())
            }
            (None, None) => Err(ReadError::End.into()),
        }
    }

    /// Sorts the parser's changes into the readings of the groups that are due; the others fall behind.
    fn share_out(&mut self, due: u32, window: Window, readings: &mut [Reading]) {
        for (group, view) in self.views.iter_mut().enumerate() {
            if due & (1 << group) == 0 {
                continue;
            }
            let reading = &mut readings[group];
            reading.window = window;
            reading.relearned = view.relearned;
            reading.changes.clear();
            if view.relearned || view.behind {
                let counts = self.parser.counts();
                let cells = view.text_cell.iter().enumerate();
                reading
                    .changes
                    .extend(cells.map(|(cell, &at)| Change { cell: index(cell), count: counts[at as usize] }));
            }
        }
        let cells = &self.parser.layout().cells;
        let lines = &self.parser.layout().lines;
        for change in &self.changes {
            let cell = self.view_cell[change.cell as usize];
            if cell == UNWANTED {
                continue;
            }
            let kind = lines[cells[change.cell as usize].line as usize].kind;
            let Some(group) = self.groups.iter().position(|group| group.kind == kind) else { continue };
            if due & (1 << group) == 0 {
                self.views[group].behind = true;
            } else if !self.views[group].relearned && !self.views[group].behind {
                readings[group].changes.push(Change { cell, count: change.count });
            }
        }
        for (group, view) in self.views.iter_mut().enumerate() {
            if due & (1 << group) != 0 {
                view.relearned = false;
                view.behind = false;
            }
        }
    }
}

impl<S: TextSource> Engine for TextEngine<S> {
    fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn layout(&self, group: usize) -> &Layout {
        &self.views[group].layout
    }

    fn read(&mut self, due: u32, clock: &dyn Clock, readings: &mut [Reading]) -> Result<(), EngineError> {
        let prefix = self.prefix_due(due);
        let window = self.read_text(prefix, clock)?;
        if self.views_stale {
            self.learn_views();
        }
        self.share_out(due, window, readings);
        Ok(())
    }

    fn oddities(&self, group: usize) -> Vec<(WarningType, Line)> {
        let kind = self.groups[group].kind;
        let odd = self.extra_numbers().filter(|line| line.kind == kind && self.selection.takes(line));
        odd.map(|line| (WarningType::ExtraNumbers, line.clone())).collect()
    }
}

/// The groups of a text in which something is wanted.
fn groups(kind: TextKind, selection: &Selection, engine: EngineName) -> Vec<Group> {
    let kinds: &[Kind] = match kind {
        TextKind::Interrupts => &[Kind::Irq, Kind::Arch],
        TextKind::Softirqs => &[Kind::Softirq],
    };
    kinds.iter().filter(|kind| selection.kinds.contains(kind)).map(|&kind| Group { kind, engine }).collect()
}

/// The error for a line that prints more numbers than the header has CPUs, and did not do so again.
fn too_many_numbers(path: &str, text: &[u8], line: Option<&Line>) -> ParseError {
    let irq = line.map_or("a line", |line| line.irq.as_str());
    let label = format!("{irq}:");
    let rows = text.split_inclusive(|&byte| byte == b'\n');
    let before: Vec<usize> =
        rows.take_while(|row| !row.trim_ascii_start().starts_with(label.as_bytes())).map(<[u8]>::len).collect();
    let message = format!("{irq} has more numbers than the header has CPUs");
    ParseError { path: path.to_owned(), line: before.len() + 1, offset: before.iter().sum(), message }
}

/// An index as the layout keeps it. No text holds 4 billion cells: it would be 40 GiB long.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(UNWANTED)
}
