//! Where the code of a module changes, and its function bodies written anew.

use std::ops::Range;

use wasm_encoder::{Encode, Instruction, InstructionSink};
use wasmparser::{FunctionBody, Operator};

use super::bulk::Operation;
use super::{Refusal, safepoint};

/// A place in the code that changes.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// What goes, by its place in the component; empty where something is only inserted.
    range: Range<usize>,
    change: Change,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// A call takes the place of a bulk memory operation.
    Call(Operation),
    /// The check with this number is inserted.
    Safepoint(u32),
}

impl Site {
    /// Whether a bulk memory operation is replaced here.
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self.change, Change::Call(_))
    }

    /// Whether it is before this place in the component.
    pub(super) fn is_before(&self, position: usize) -> bool {
        self.range.start < position
    }

    fn safepoint(position: usize, number: u32) -> Self {
        Self {
            range: position..position,
            change: Change::Safepoint(number),
        }
    }
}

/// Adds the sites of a function body to `sites`, in order, and shows each operator and where it is to `note`.
///
/// # Errors
/// If the code is damaged, or has too many loops.
pub(super) fn find(
    body: &FunctionBody<'_>,
    sites: &mut Vec<Site>,
    mut note: impl FnMut(&Operator<'_>, usize),
) -> Result<(), Refusal> {
    let malformed = |error| Refusal::malformed(&error);
    let mut operators = body.get_operators_reader().map_err(malformed)?;
    let (entry, first) = (operators.original_position(), sites.len());
    let mut numbers = safepoint::Numbers::default();
    let mut calls = false;
    let mut before = Operator::Nop;
    while !operators.eof() {
        let start = operators.original_position();
        let operator = operators.read().map_err(malformed)?;
        let range = start..operators.original_position();
        if let Operator::Loop { .. } = operator {
            sites.push(Site::safepoint(range.end, numbers.next()?));
        } else if let Some(operation) = Operation::of(&operator, &before) {
            let change = Change::Call(operation);
            sites.push(Site { range, change });
        }
        calls |= safepoint::is_call(&operator);
        note(&operator, start);
        before = operator;
    }
    if calls {
        sites.insert(first, Site::safepoint(entry, numbers.next()?));
    }
    Ok(())
}

/// What the new code refers to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Targets {
    /// The index of the first of the functions for bulk memory operations.
    pub(super) bulk: u32,
    /// The index of the interrupt memory.
    pub(super) interrupt: u32,
}

/// Writes the function body at `body` anew, where `sites` are.
pub(super) fn replace(
    component: &[u8],
    body: Range<usize>,
    sites: &[Site],
    targets: Targets,
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut copied = body.start;
    for Site { range, change } in sites {
        bytes.extend_from_slice(&component[copied..range.start]);
        match *change {
            Change::Call(operation) => {
                Instruction::Call(targets.bulk + operation as u32).encode(&mut bytes);
            }
            Change::Safepoint(number) => safepoint::check(
                targets.interrupt,
                number,
                &mut InstructionSink::new(&mut bytes),
            ),
        }
        copied = range.end;
    }
    bytes.extend_from_slice(&component[copied..body.end]);
    bytes
}
