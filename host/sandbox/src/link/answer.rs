//! Composes an answer to a WASI function from nothing but the function's own type.
//!
//! A denial is an error where the type has one, and otherwise "nothing": none, an empty list, zero. So every function of
//! every patch version of WASI gets an answer that its caller can read, and none needs a table entry of its own.

use wasm_encoder::{InstructionSink, MemArg};
use wasmparser::PrimitiveValType;
use wasmparser::component_types::{ComponentDefinedType, ComponentValType};
use wasmparser::types::TypesRef;

/// A handle that stands for anything: a pollable that is always ready, most of all.
pub(super) const ANY_HANDLE: i32 = 1;

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A `result` is its error.
    Deny,
    /// A `result` is its success; a number in it is this one.
    Grant(i64),
}

/// The error case to answer with, the first of these that the type has; otherwise its first case.
const DENIALS: &[&str] = &["closed", "access-denied", "access", "not-permitted"];

/// Where an empty list or string is: any address but 0, aligned for every element.
const EMPTY_LIST_ADDRESS: i32 = 8;

/// Size and alignment in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    size: u32,
    align: u32,
}

/// Writes answers of the types of one component.
pub(super) struct Answers<'t> {
    pub(super) types: TypesRef<'t>,
}

impl Answers<'_> {
    /// Pushes the answer of a function that returns one core value.
    pub(super) fn push(
        &self,
        ty: &ComponentValType,
        core: wasm_encoder::ValType,
        answer: Answer,
        code: &mut InstructionSink<'_>,
    ) {
        let value = match self.defined(ty) {
            Some(ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_)) => ANY_HANDLE,
            Some(ComponentDefinedType::Result { .. }) if answer == Answer::Deny => 1,
            _ => 0,
        };
        match core {
            wasm_encoder::ValType::I64 => code.i64_const(value.into()),
            wasm_encoder::ValType::F32 => code.f32_const(0.0.into()),
            wasm_encoder::ValType::F64 => code.f64_const(0.0.into()),
            _ => code.i32_const(value),
        };
    }

    /// Stores the answer at `offset` from the address in local `base`.
    pub(super) fn store(
        &self,
        ty: &ComponentValType,
        answer: Answer,
        base: u32,
        offset: u32,
        code: &mut InstructionSink<'_>,
    ) {
        let Some(defined) = self.defined(ty) else {
            let ComponentValType::Primitive(primitive) = ty else {
                return;
            };
            return store_primitive(*primitive, answer, base, offset, code);
        };
        match defined {
            ComponentDefinedType::Primitive(primitive) => {
                store_primitive(*primitive, answer, base, offset, code);
            }
            ComponentDefinedType::Record(record) => {
                self.store_fields(record.fields.values(), answer, base, offset, code);
            }
            ComponentDefinedType::Tuple(tuple) => {
                self.store_fields(tuple.types.iter(), answer, base, offset, code);
            }
            ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => {
                store_empty_list(base, offset, code);
            }
            ComponentDefinedType::Variant(variant) => {
                let case = denial(variant.cases.keys().map(|name| name.as_str()));
                let payload = variant
                    .cases
                    .values()
                    .nth(case)
                    .and_then(|case| case.ty.as_ref());
                let payloads = variant.cases.values().map(|case| case.ty.as_ref());
                self.store_case(case, payload, payloads, answer, base, offset, code);
            }
            ComponentDefinedType::Enum(names) => {
                let case = denial(names.iter().map(|name| name.as_str()));
                self.store_case(
                    case,
                    None,
                    names.iter().map(|_| None),
                    answer,
                    base,
                    offset,
                    code,
                );
            }
            ComponentDefinedType::Option { .. } => store_int(0, 1, base, offset, code),
            ComponentDefinedType::Result { ok, err, .. } => {
                let (case, payload) = if answer == Answer::Deny {
                    (1, err)
                } else {
                    (0, ok)
                };
                let payloads = [ok.as_ref(), err.as_ref()];
                self.store_case(case, payload.as_ref(), payloads, answer, base, offset, code);
            }
            ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => {
                store_int(ANY_HANDLE.into(), 4, base, offset, code);
            }
            ComponentDefinedType::Flags(_)
            | ComponentDefinedType::FixedLengthList { .. }
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => {
                for byte in 0..self.layout(ty).size {
                    store_int(0, 1, base, offset + byte, code);
                }
            }
        }
    }

    fn store_fields<'f>(
        &self,
        fields: impl Iterator<Item = &'f ComponentValType>,
        answer: Answer,
        base: u32,
        offset: u32,
        code: &mut InstructionSink<'_>,
    ) {
        let mut offset = offset;
        for field in fields {
            let layout = self.layout(field);
            offset = offset.next_multiple_of(layout.align);
            self.store(field, answer, base, offset, code);
            offset += layout.size;
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "what a case is, and where it goes"
    )]
    fn store_case<'f>(
        &self,
        case: usize,
        payload: Option<&ComponentValType>,
        payloads: impl IntoIterator<Item = Option<&'f ComponentValType>>,
        answer: Answer,
        base: u32,
        offset: u32,
        code: &mut InstructionSink<'_>,
    ) {
        let cases = self.cases(payloads);
        store_int(
            i64::try_from(case).unwrap_or(0),
            cases.discriminant,
            base,
            offset,
            code,
        );
        if let Some(payload) = payload {
            self.store(payload, answer, base, offset + cases.payload_offset, code);
        }
    }

    fn defined(&self, ty: &ComponentValType) -> Option<&ComponentDefinedType> {
        match ty {
            ComponentValType::Primitive(_) => None,
            ComponentValType::Type(id) => Some(&self.types[*id]),
        }
    }

    fn layout(&self, ty: &ComponentValType) -> Layout {
        let Some(defined) = self.defined(ty) else {
            let ComponentValType::Primitive(primitive) = ty else {
                return Layout { size: 0, align: 1 };
            };
            return primitive_layout(*primitive);
        };
        match defined {
            ComponentDefinedType::Primitive(primitive) => primitive_layout(*primitive),
            ComponentDefinedType::Record(record) => self.fields_layout(record.fields.values()),
            ComponentDefinedType::Tuple(tuple) => self.fields_layout(tuple.types.iter()),
            ComponentDefinedType::List { .. } | ComponentDefinedType::Map { .. } => {
                Layout { size: 8, align: 4 }
            }
            ComponentDefinedType::FixedLengthList {
                element, length, ..
            } => {
                let element = self.layout(element);
                Layout {
                    size: element.size * length,
                    align: element.align,
                }
            }
            ComponentDefinedType::Variant(variant) => {
                self.cases(variant.cases.values().map(|case| case.ty.as_ref()))
                    .layout
            }
            ComponentDefinedType::Enum(names) => self.cases(names.iter().map(|_| None)).layout,
            ComponentDefinedType::Option { ty, .. } => self.cases([None, Some(ty)]).layout,
            ComponentDefinedType::Result { ok, err, .. } => {
                self.cases([ok.as_ref(), err.as_ref()]).layout
            }
            ComponentDefinedType::Flags(names) => match names.len() {
                0..=8 => Layout { size: 1, align: 1 },
                9..=16 => Layout { size: 2, align: 2 },
                _ => Layout { size: 4, align: 4 },
            },
            ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future { .. }
            | ComponentDefinedType::Stream { .. } => Layout { size: 4, align: 4 },
        }
    }

    fn fields_layout<'f>(&self, fields: impl Iterator<Item = &'f ComponentValType>) -> Layout {
        let mut whole = Layout { size: 0, align: 1 };
        for field in fields {
            let field = self.layout(field);
            whole.size = whole.size.next_multiple_of(field.align) + field.size;
            whole.align = whole.align.max(field.align);
        }
        Layout {
            size: whole.size.next_multiple_of(whole.align),
            ..whole
        }
    }

    fn cases<'f>(&self, payloads: impl IntoIterator<Item = Option<&'f ComponentValType>>) -> Cases {
        let mut count = 0_u32;
        let mut largest = Layout { size: 0, align: 1 };
        for payload in payloads {
            count += 1;
            if let Some(payload) = payload {
                let payload = self.layout(payload);
                largest = Layout {
                    size: largest.size.max(payload.size),
                    align: largest.align.max(payload.align),
                };
            }
        }
        let discriminant = match count {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        let align = largest.align.max(discriminant);
        let payload_offset = discriminant.next_multiple_of(largest.align);
        let size = (payload_offset + largest.size).next_multiple_of(align);
        Cases {
            discriminant,
            payload_offset,
            layout: Layout { size, align },
        }
    }
}

/// How a type with cases lies in memory.
struct Cases {
    /// Bytes of the number that says which case it is.
    discriminant: u32,
    payload_offset: u32,
    layout: Layout,
}

/// Which case says best that something is not allowed.
fn denial<'n>(names: impl Iterator<Item = &'n str> + Clone) -> usize {
    DENIALS
        .iter()
        .find_map(|denial| names.clone().position(|name| name == *denial))
        .unwrap_or(0)
}

fn primitive_layout(primitive: PrimitiveValType) -> Layout {
    let size = match primitive {
        PrimitiveValType::Bool | PrimitiveValType::S8 | PrimitiveValType::U8 => 1,
        PrimitiveValType::S16 | PrimitiveValType::U16 => 2,
        PrimitiveValType::S64 | PrimitiveValType::U64 | PrimitiveValType::F64 => 8,
        PrimitiveValType::String => return Layout { size: 8, align: 4 },
        PrimitiveValType::S32
        | PrimitiveValType::U32
        | PrimitiveValType::F32
        | PrimitiveValType::Char
        | PrimitiveValType::ErrorContext => 4,
    };
    Layout { size, align: size }
}

fn store_primitive(
    primitive: PrimitiveValType,
    answer: Answer,
    base: u32,
    offset: u32,
    code: &mut InstructionSink<'_>,
) {
    if primitive == PrimitiveValType::String {
        return store_empty_list(base, offset, code);
    }
    let value = match answer {
        Answer::Grant(number) => number,
        Answer::Deny => 0,
    };
    store_int(value, primitive_layout(primitive).size, base, offset, code);
}

fn store_empty_list(base: u32, offset: u32, code: &mut InstructionSink<'_>) {
    store_int(EMPTY_LIST_ADDRESS.into(), 4, base, offset, code);
    store_int(0, 4, base, offset + 4, code);
}

/// Stores the low bytes of a number.
fn store_int(value: i64, bytes: u32, base: u32, offset: u32, code: &mut InstructionSink<'_>) {
    let place = MemArg {
        offset: offset.into(),
        align: 0,
        memory_index: 0,
    };
    code.local_get(base).i64_const(value);
    match bytes {
        1 => code.i64_store8(place),
        2 => code.i64_store16(place),
        4 => code.i64_store32(place),
        _ => code.i64_store(place),
    };
}
