//! The check by which a running guest notices that it shall end: it reads a byte of the interrupt memory, and traps if
//! the byte is set.
//!
//! A trap comes back to nobody, so a check keeps no register from the code around it: that is why the engine's own means,
//! which call the host, cost numeric loops a third of their time. Checks stand at the head of each loop and at the entry
//! of each function that calls. What is left between two of them is straight, and ends.
//!
//! The program cannot reach the interrupt memory: its own code names memory 0 only, which the link step validated before
//! it added another.
//!
//! Each check of a function reads a byte of its own. The compiler merges a load with an earlier one of the same place if
//! nothing between them writes there, and nothing in a guest does: with one byte for all, a loop inside a loop would
//! look once, before it begins. For a kill the host sets them all.

use wasm_encoder::{BlockType, InstructionSink, MemArg, MemoryType};
use wasmparser::Operator;

use super::{PAGE_BYTES, Refusal};

/// The type of the interrupt memory: one page.
pub(super) const MEMORY: MemoryType = MemoryType {
    minimum: 1,
    maximum: Some(1),
    memory64: false,
    shared: false,
    page_size_log2: None,
};

/// Traps if byte `number` of the memory with this index is set.
pub(super) fn check(memory: u32, number: u32, code: &mut InstructionSink<'_>) {
    code.i32_const(0)
        .i32_load8_u(MemArg {
            offset: number.into(),
            align: 0,
            memory_index: memory,
        })
        .if_(BlockType::Empty)
        .unreachable()
        .end();
}

/// Numbers the checks of one function.
#[derive(Debug, Default)]
pub(super) struct Numbers(u32);

impl Numbers {
    /// # Errors
    /// If the function has more checks than the interrupt memory has bytes for them: the last byte is never zero.
    pub(super) fn next(&mut self) -> Result<u32, Refusal> {
        const MOST: u64 = PAGE_BYTES - 1;
        if u64::from(self.0) == MOST {
            return Err(Refusal::unsupported(format!(
                "a function has more than {MOST} loops"
            )));
        }
        self.0 += 1;
        Ok(self.0 - 1)
    }
}

/// Whether this enters another function.
pub(super) fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
    )
}
