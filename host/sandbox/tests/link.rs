//! What the link step makes of hand-written components, and why it refuses others.
#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "helpers of tests: what cannot be is a failed test"
)]

#[path = "link/bulk.rs"]
mod bulk;
#[path = "link/safepoint.rs"]
mod safepoint;

use std::sync::{Arc, OnceLock};

use safepoint::Interrupt;
use sandbox::link::{
    self, BaseMemory, CLOCK_INTERFACE, FRESH, Linked, RESTORE_INTERFACE, Refusal, SCRATCH_ADDRESS,
    STATE_MODULE,
};
use wasm_encoder::{ConstExpr, DataSection, ExportKind, ExportSection, MemorySection, MemoryType};
use wasmtime::component::{
    Component, ComponentNamedList, ComponentType, Instance, Lift, Linker, Lower, ResourceType,
    WasmList, types::ComponentItem,
};
use wasmtime::{Config, Engine, Module, Store, StoreContextMut};

const APPLICATION: &str = "tinderbox:job/application@0.1.0";
const PAGE: usize = 65_536;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

fn program() -> Vec<u8> {
    wat(include_str!("link/program.wat"))
}

/// What a checkpoint has taken, and what a fork is made of.
#[derive(Clone, Debug, Default, PartialEq)]
struct Image {
    memory: Vec<u8>,
    globals: [u64; 14],
}

/// A fork: the image that it must be, and the pages in which its state module differs from it.
struct Fork {
    image: Image,
    patches: Vec<(usize, Arc<[u8]>)>,
}

#[derive(Default)]
struct Host {
    fork: Option<Fork>,
    images: Vec<Image>,
    log: Vec<(Channel, Vec<u8>)>,
    slept: Vec<u64>,
    /// Where the interrupt memory is.
    interrupt: Arc<OnceLock<Interrupt>>,
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum Channel {
    #[component(name = "stdout")]
    Stdout,
    #[component(name = "stderr")]
    Stderr,
}

type Globals = (
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
    u64,
);
type Call<'s> = StoreContextMut<'s, Host>;

fn engine() -> Engine {
    let mut config = Config::new();
    config.concurrency_support(false).wasm_multi_memory(true);
    Engine::new(&config).unwrap()
}

/// The monotonic clock always shows this.
const NOW: u64 = 1_000;

fn linker(engine: &Engine, component: &Component) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    let mut restore = linker.instance(RESTORE_INTERFACE).unwrap();
    let fork = |call: &Call<'_>| {
        call.data()
            .fork
            .as_ref()
            .map(|fork| (fork.image.clone(), fork.patches.clone()))
    };
    restore
        .func_wrap(
            "begin",
            move |call: Call<'_>, (interrupt,): (WasmList<u8>,)| {
                let interrupt = Interrupt::new(interrupt.as_le_slice(&call));
                assert!(call.data().interrupt.set(interrupt).is_ok());
                Ok((fork(&call).map_or(FRESH, |(_, patches)| patches.len() as u32),))
            },
        )
        .unwrap();
    restore
        .func_wrap("pages", move |call: Call<'_>, ()| {
            Ok(((fork(&call).unwrap().0.memory.len() / PAGE) as u32,))
        })
        .unwrap();
    restore
        .func_wrap("global", move |call: Call<'_>, (index,): (u32,)| {
            Ok((fork(&call).unwrap().0.globals[index as usize],))
        })
        .unwrap();
    restore
        .func_wrap("patch-address", move |call: Call<'_>, (index,): (u32,)| {
            Ok((fork(&call).unwrap().1[index as usize].0 as u32,))
        })
        .unwrap();
    restore
        .func_wrap("patch-bytes", move |call: Call<'_>, (index,): (u32,)| {
            Ok((Arc::clone(&fork(&call).unwrap().1[index as usize].1),))
        })
        .unwrap();
    restore
        .func_wrap("scratch", move |call: Call<'_>, ()| {
            let word = &fork(&call).unwrap().0.memory[SCRATCH_ADDRESS as usize..][..8];
            Ok((u64::from_le_bytes(word.try_into().unwrap()),))
        })
        .unwrap();
    let sleep = |mut call: Call<'_>, (nanoseconds,): (u64,)| {
        call.data_mut().slept.push(nanoseconds);
        Ok(())
    };
    linker
        .instance(CLOCK_INTERFACE)
        .unwrap()
        .func_wrap("sleep", sleep)
        .unwrap();
    let checkpoint = |mut call: Call<'_>, (image, g): (WasmList<u8>, Globals)| {
        let memory = image.as_le_slice(&call).to_vec();
        let globals = [
            g.0, g.1, g.2, g.3, g.4, g.5, g.6, g.7, g.8, g.9, g.10, g.11, g.12, g.13,
        ];
        call.data_mut().images.push(Image { memory, globals });
        Ok(())
    };
    linker
        .instance("tinderbox:job/driver@0.1.0")
        .unwrap()
        .func_wrap("checkpoint", checkpoint)
        .unwrap();
    let log = |mut call: Call<'_>, (to, bytes): (Channel, WasmList<u8>)| {
        let bytes = bytes.as_le_slice(&call).to_vec();
        call.data_mut().log.push((to, bytes));
        Ok(())
    };
    linker
        .instance("tinderbox:job/logging@0.1.0")
        .unwrap()
        .func_wrap("log", log)
        .unwrap();
    define_wasi(engine, component, &mut linker);
    linker
}

/// Defines the clock and the resources; every other function of WASI would be missing, if the component imported it.
fn define_wasi(engine: &Engine, component: &Component, linker: &mut Linker<Host>) {
    for (name, item) in component.component_type().imports(engine) {
        let (true, ComponentItem::ComponentInstance(instance)) =
            (name.starts_with("wasi:"), item.ty)
        else {
            continue;
        };
        let mut definitions = linker.instance(name).unwrap();
        for (export, item) in instance.exports(engine) {
            if let ComponentItem::Resource(_) = item.ty {
                definitions
                    .resource(export, ResourceType::host::<()>(), |_, _| Ok(()))
                    .unwrap();
            }
        }
        if name.starts_with("wasi:clocks/monotonic-clock") {
            definitions
                .func_wrap("now", |_: Call<'_>, ()| Ok((NOW,)))
                .unwrap();
        }
    }
}

/// A state module as the host would encode it.
fn state_module(bytes: &[u8], minimum: u64, maximum: u64) -> Vec<u8> {
    let mut memories = MemorySection::new();
    for (minimum, maximum) in [(minimum, maximum), (1, 1)] {
        memories.memory(MemoryType {
            minimum,
            maximum: Some(maximum),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
    }
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0);
    exports.export("interrupt", ExportKind::Memory, 1);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), bytes.iter().copied());
    let mut module = wasm_encoder::Module::new();
    module.section(&memories).section(&exports).section(&data);
    module.finish()
}

/// A linked and compiled component.
struct Program {
    engine: Engine,
    component: Component,
    linker: Linker<Host>,
    base: BaseMemory,
}

impl Program {
    fn new(component: &[u8]) -> Self {
        let Linked {
            component, base, ..
        } = link::link(component).unwrap();
        let engine = engine();
        let component = Component::new(&engine, component).unwrap();
        let linker = linker(&engine, &component);
        Self {
            engine,
            component,
            linker,
            base,
        }
    }

    fn fresh(&self) -> Running {
        self.start(Host::default(), &self.base.bytes, self.base.minimum_pages)
    }

    /// A fork whose state module holds `state`, and whose patches make the rest of `image`.
    fn fork(&self, image: &Image, state: &[u8]) -> Running {
        let differs = |(number, page): &(usize, &[u8])| {
            state
                .get(number * 4096..(number + 1) * 4096)
                .is_none_or(|old| old != *page)
        };
        let changed = image.memory.chunks(4096).enumerate().filter(differs);
        let patches = changed
            .map(|(number, page)| (number * 4096, Arc::from(page)))
            .collect();
        let host = Host {
            fork: Some(Fork {
                image: image.clone(),
                patches,
            }),
            ..Host::default()
        };
        self.start(host, state, (state.len() / PAGE) as u64)
    }

    fn start(&self, host: Host, state: &[u8], pages: u64) -> Running {
        let module = Module::new(
            &self.engine,
            state_module(state, pages, self.base.maximum_pages),
        )
        .unwrap();
        let mut linker = self.linker.clone();
        linker.root().module(STATE_MODULE, &module).unwrap();
        let mut store = Store::new(&self.engine, host);
        let instance = linker.instantiate(&mut store, &self.component).unwrap();
        Running { store, instance }
    }
}

struct Running {
    store: Store<Host>,
    instance: Instance,
}

impl Running {
    fn call<P: ComponentNamedList + Lower, R: ComponentNamedList + Lift>(
        &mut self,
        name: &str,
        params: P,
    ) -> R {
        self.try_call(name, params).unwrap()
    }

    fn try_call<P: ComponentNamedList + Lower, R: ComponentNamedList + Lift>(
        &mut self,
        name: &str,
        params: P,
    ) -> wasmtime::Result<R> {
        let application = self
            .instance
            .get_export_index(&mut self.store, None, APPLICATION)
            .unwrap();
        let function = self
            .instance
            .get_export_index(&mut self.store, Some(&application), name)
            .unwrap();
        let function = self
            .instance
            .get_typed_func::<P, R>(&mut self.store, function)
            .unwrap();
        function.call(&mut self.store, params)
    }

    fn peek(&mut self, address: u32) -> [u8; 8] {
        let (word,): (u64,) = self.call("peek", (address,));
        word.to_le_bytes()
    }

    fn image(&self) -> Image {
        self.store.data().images.last().unwrap().clone()
    }
}

/// Runs the driver of `program.wat` to its checkpoint.
fn image_of_driver(program: &Program) -> Image {
    let mut driver = program.fresh();
    driver.call::<(), ()>("main", ());
    driver.image()
}

#[test]
fn the_base_memory_is_the_data_segments() {
    let linked = link::link(&program()).unwrap();
    assert_eq!(
        (
            linked.base.minimum_pages,
            linked.base.maximum_pages,
            linked.globals
        ),
        (1, 65_535, 4)
    );
    assert_eq!(linked.base.bytes.len(), PAGE);
    assert_eq!(&linked.base.bytes[16..20], b"main");
    assert_eq!(&linked.base.bytes[32..38], b"second");
    assert_eq!(
        linked.base.bytes.iter().filter(|byte| **byte != 0).count(),
        10,
        "passive data is not in the base"
    );
}

#[test]
fn a_fresh_driver_runs_the_start_functions_in_order() {
    let mut driver = Program::new(&program()).fresh();
    assert_eq!(driver.peek(100)[0], 12);
    assert_eq!(&driver.peek(16)[..4], b"main");
}

#[test]
fn a_checkpoint_gets_the_whole_memory_and_the_written_globals() {
    let image = image_of_driver(&Program::new(&program()));
    assert_eq!(image.memory.len(), 2 * PAGE);
    assert_eq!(image.memory[8..16], 0x1122_3344_5566_7788_u64.to_le_bytes());
    assert_eq!(image.memory[131_068], 42);
    let written = [
        0xffff_fff0,
        0x0123_4567_89ab_cdef,
        (-2.25_f64).to_bits(),
        1.5_f32.to_bits().into(),
    ];
    assert_eq!(image.globals[..4], written);
    assert_eq!(image.globals[4..], [0; 10]);
}

#[test]
fn a_fork_continues_where_the_image_was_taken() {
    let program = Program::new(&program());
    let image = image_of_driver(&program);
    let mut fork = program.fork(&image, &image.memory);
    let (answer,): (u64,) = fork.call("run-task", (5_u32,));
    assert_eq!(answer, 0x0123_4567_89ab_cdef + 5 + 42);
    assert_eq!(fork.image(), image, "the fork started as the image");
    assert_eq!(fork.peek(100)[0], 12, "no start function ran again");
    assert_eq!(&fork.peek(200)[..4], b"late", "passive data is there");
    assert_eq!(fork.call::<(), (f32,)>("bump", ()), (2.5,));
}

#[test]
fn patches_make_the_image_of_another_state_byte_for_byte() {
    let program = Program::new(&program());
    let image = image_of_driver(&program);
    let mut state = image.memory[..PAGE].to_vec();
    state[100] = 99;
    state[8_192..20_000].fill(7);
    let mut fork = program.fork(&image, &state);
    let patches = fork.store.data().fork.as_ref().unwrap().patches.len();
    assert_eq!(
        patches,
        1 + 3 + PAGE / 4096,
        "page 0, the filled pages, and the page that was grown"
    );
    fork.call::<_, (u64,)>("run-task", (0_u32,));
    assert_eq!(fork.image(), image);
}

#[test]
fn forks_do_not_see_each_other() {
    let program = Program::new(&program());
    let image = image_of_driver(&program);
    for partition in 0..20_u32 {
        let mut fork = program.fork(&image, &image.memory);
        let (answer,): (u64,) = fork.call("run-task", (partition,));
        assert_eq!(answer, 0x0123_4567_89ab_cdef + u64::from(partition) + 42);
        assert_eq!(fork.image(), image);
        fork.call::<(), (f32,)>("bump", ());
    }
}

#[test]
fn a_fork_of_a_fork_is_the_same() {
    let program = Program::new(&program());
    let image = image_of_driver(&program);
    let mut fork = program.fork(&image, &image.memory);
    fork.call::<_, (u64,)>("run-task", (0_u32,));
    fork.call::<(), (f32,)>("bump", ());
    fork.call::<_, (u64,)>("run-task", (0_u32,));
    let later = fork.image();
    assert_eq!(later.globals[0], 0xffff_ffe0);
    let mut second = program.fork(&later, &image.memory);
    second.call::<_, (u64,)>("run-task", (0_u32,));
    assert_eq!(second.image(), later);
}

#[test]
fn linking_is_deterministic() {
    for component in [program(), wat(WASI), wat(bulk::BULK)] {
        assert_eq!(
            link::link(&component).unwrap(),
            link::link(&component).unwrap()
        );
    }
}

const WASI: &str = include_str!("link/wasi.wat");

#[test]
fn no_function_with_a_handle_is_imported_any_more() {
    let component = wat(WASI);
    let linked = link::link(&component).unwrap();
    let program = Program::new(&component);
    for (name, item) in program.component.component_type().imports(&program.engine) {
        let (true, ComponentItem::ComponentInstance(instance)) =
            (name.starts_with("wasi:"), item.ty)
        else {
            continue;
        };
        let is_function = |item: &ComponentItem| matches!(item, ComponentItem::ComponentFunc(_));
        let functions: Vec<_> = instance
            .exports(&program.engine)
            .filter(|(_, item)| is_function(&item.ty))
            .map(|(name, _)| name.to_string())
            .collect();
        let expected: &[&str] = if name.starts_with("wasi:clocks/monotonic-clock") {
            &["now"]
        } else {
            &[]
        };
        assert_eq!(functions, expected, "{name}");
    }
    assert_eq!(linked.globals, 0);
}

#[test]
fn output_goes_to_the_log_and_input_is_at_its_end() {
    let mut guest = Program::new(&wat(WASI)).fresh();
    assert_eq!(guest.call::<_, (u64,)>("print", (true,)), (65_536,));
    assert_eq!(guest.call::<_, (u64,)>("print", (false,)), (65_536,));
    assert_eq!(
        guest.store.data().log,
        [
            (Channel::Stderr, b"to stderr".to_vec()),
            (Channel::Stdout, b"to stdout".to_vec())
        ]
    );
    assert_eq!(guest.call::<(), (u32,)>("read", ()), (1,));
}

#[test]
fn files_are_denied_and_there_are_no_folders() {
    let mut guest = Program::new(&wat(WASI)).fresh();
    assert_eq!(
        guest.call::<(), (i32,)>("stat", ()),
        (1,),
        "`access` is the second error code"
    );
    assert_eq!(guest.call::<(), (u32,)>("directories", ()), (0,));
    assert_eq!(
        guest.call::<(), (u64,)>("elapsed", ()),
        (NOW,),
        "the clock has no handle and is the host's"
    );
}

#[test]
fn sleeping_takes_at_least_as_long_as_asked_and_hardly_longer() {
    let mut guest = Program::new(&wat(WASI)).fresh();
    let asked = (0..62)
        .flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1])
        .chain([1_234_567_890_123]);
    for nanoseconds in asked.filter(|nanoseconds| *nanoseconds > 0) {
        guest.call::<_, ()>("sleep", (nanoseconds,));
        let slept = guest.store.data().slept.last().copied().unwrap();
        assert!(
            slept >= nanoseconds && slept - nanoseconds <= nanoseconds >> 23,
            "{slept} for {nanoseconds}"
        );
    }
    guest.call::<_, ()>("sleep", (u64::MAX,));
    assert_eq!(guest.store.data().slept.last(), Some(&(1 << 62)));
}

#[test]
fn a_sleep_that_is_over_does_not_wait() {
    let mut guest = Program::new(&wat(WASI)).fresh();
    guest.call::<_, ()>("sleep", (0_u64,));
    assert_eq!(guest.call::<_, (u32,)>("sleep-until", (NOW - 1,)), (1,));
    assert_eq!(guest.store.data().slept, []);
    assert_eq!(guest.call::<_, (u32,)>("sleep-until", (NOW + 500,)), (1,));
    assert_eq!(guest.store.data().slept, [500]);
}

#[test]
fn the_shortest_of_several_sleeps_is_over_first() {
    let mut guest = Program::new(&wat(WASI)).fresh();
    assert_eq!(
        guest.call::<_, (u32,)>("poll", (300_u64, 100_u64, 200_u64)),
        (1,)
    );
    assert_eq!(
        guest.call::<_, (u32,)>("poll", (300_u64, 100_u64, 0_u64)),
        (2,)
    );
    assert_eq!(guest.store.data().slept, [100]);
}

#[test]
fn inspecting_names_interfaces_and_functions() {
    let component = wat(WASI);
    let description = link::inspect(&component).unwrap();
    assert_eq!(description.size, component.len());
    assert_eq!(description.linkable, Ok(()));
    assert_eq!(description.imports[0].name, "tinderbox:job/logging@0.1.0");
    assert_eq!(description.imports[0].functions, ["log"]);
    assert_eq!(description.exports[0].name, APPLICATION);
    assert!(
        description.exports[0]
            .functions
            .contains(&"sleep-until".to_string())
    );
}

#[test]
fn inspecting_tells_why_a_component_cannot_be_linked() {
    let description = link::inspect(&component("", "", "")).unwrap();
    assert_eq!(description.linkable, Err(Refusal::NoMemory));
}

/// A component with these imports and these fields of its one module, and these items after its instance.
fn component(imports: &str, module: &str, items: &str) -> Vec<u8> {
    wat(&format!(
        r#"(component {imports}
            (core module $main {module})
            (core instance $main (instantiate $main))
            {items}
            (instance $application)
            (export "{APPLICATION}" (instance $application)))"#
    ))
}

/// The refusal of a component whose one module has these fields, and is used by another.
fn refusal_of_module(module: &str) -> Refusal {
    const USER: &str =
        r#"(core module $user) (core instance (instantiate $user (with "main" (instance $main))))"#;
    link::link(&component("", module, USER)).unwrap_err()
}

fn refusal_of_import(import: &str) -> Refusal {
    link::link(&component(import, "(memory 1)", "")).unwrap_err()
}

#[test]
fn files_that_are_no_component_are_told_apart() {
    let engine = engine();
    let minimal = component("", "(memory 1)", "");
    let precompiled = Component::new(&engine, &minimal)
        .unwrap()
        .serialize()
        .unwrap();
    let cases: [(&[u8], Refusal); 6] = [
        (b"", Refusal::Empty),
        (b"(component)", Refusal::Text),
        (&precompiled, Refusal::Precompiled),
        (b"\x7fELF\x02\x01\x01\0", Refusal::Native),
        (&wat("(module)"), Refusal::CoreModule),
        (b"\x89PNG\r\n\x1a\n\0", Refusal::NotWebAssembly),
    ];
    for (bytes, refusal) in cases {
        assert_eq!(link::link(bytes), Err(refusal.clone()));
        assert_eq!(link::inspect(bytes), Err(refusal));
    }
}

#[test]
fn every_truncated_component_is_refused() {
    let component = program();
    let whole = link::link(&component).unwrap();
    for length in 0..component.len() {
        match link::link(&component[..length]) {
            // Cut between two sections it is a component still, but one without its export.
            Err(
                Refusal::Malformed { .. }
                | Refusal::OtherWorld
                | Refusal::Empty
                | Refusal::NotWebAssembly,
            ) => {}
            Err(refusal) => panic!("{length}: {refusal}"),
            Ok(linked) => assert_eq!(
                linked, whole,
                "{length}: only the names at the end may be missing"
            ),
        }
    }
}

#[test]
fn no_damaged_bit_is_a_panic() {
    for mut component in [program(), wat(WASI), wat(bulk::BULK)] {
        for place in 0..component.len() {
            let bit = 1 << (place % 8);
            component[place] ^= bit;
            drop(link::link(&component));
            component[place] ^= bit;
        }
    }
}

#[test]
fn memories_that_no_fork_can_carry_are_refused() {
    assert_eq!(refusal_of_module(""), Refusal::NoMemory);
    assert_eq!(
        refusal_of_module("(memory 1) (memory 1)"),
        Refusal::SeveralMemories { count: 2 }
    );
    assert_eq!(
        refusal_of_module("(memory 1 2 shared)"),
        Refusal::SharedMemory
    );
    assert_eq!(refusal_of_module("(memory i64 1)"), Refusal::WideMemory);
    assert_eq!(refusal_of_module("(memory 65536)"), Refusal::HugeMemory);
    let second = r#"(core module $second (memory 1)) (core instance (instantiate $second))"#;
    assert_eq!(
        link::link(&component("", "(memory 1)", second)),
        Err(Refusal::SeveralMemories { count: 2 })
    );
}

#[test]
fn the_memorys_bounds_are_kept_below_4_gib() {
    for (memory, minimum, maximum) in [
        ("0", 1, 65_535),
        ("2", 2, 65_535),
        ("2 5", 2, 5),
        ("2 65536", 2, 65_535),
        ("65535", 65_535, 65_535),
    ] {
        let linked = link::link(&component("", &format!("(memory {memory})"), "")).unwrap();
        assert_eq!(
            (linked.base.minimum_pages, linked.base.maximum_pages),
            (minimum, maximum),
            "{memory}"
        );
    }
}

#[test]
fn tables_that_are_written_at_run_time_are_refused_with_the_instruction() {
    let bodies = [
        ("table.set", "(table.set (i32.const 0) (ref.null func))"),
        (
            "table.grow",
            "(drop (table.grow (ref.null func) (i32.const 1)))",
        ),
        (
            "table.fill",
            "(table.fill (i32.const 0) (ref.null func) (i32.const 1))",
        ),
        (
            "table.copy",
            "(table.copy (i32.const 0) (i32.const 0) (i32.const 1))",
        ),
        (
            "table.init",
            "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
        ),
        ("elem.drop", "(elem.drop 0)"),
    ];
    for (expected, body) in bodies {
        let refusal = refusal_of_module(&format!(
            "(memory 1) (table 2 funcref) (elem func $f) (func $f {body})"
        ));
        assert!(
            matches!(&refusal, Refusal::TableWrite { instruction, .. } if *instruction == expected),
            "{refusal}"
        );
    }
}

#[test]
fn a_module_that_nobody_can_enter_may_hold_anything() {
    let unreachable =
        "(memory 1) (table 2 funcref) (func (table.set (i32.const 0) (ref.null func)))";
    assert!(link::link(&component("", unreachable, "")).is_ok());
}

#[test]
fn globals_that_no_checkpoint_can_carry_are_refused() {
    let vector = "(memory 1) (global $g (mut v128) (v128.const i64x2 0 0)) (func (global.set $g (v128.const i64x2 1 1)))";
    assert_eq!(
        refusal_of_module(vector),
        Refusal::GlobalKind {
            kind: "v128".to_string()
        }
    );
    let reference = "(memory 1) (global $g (mut funcref) (ref.null func)) (func (global.set $g (ref.null func)))";
    assert_eq!(
        refusal_of_module(reference),
        Refusal::GlobalKind {
            kind: "funcref".to_string()
        }
    );
    let many = |count: usize| {
        let globals = "(global (mut i32) (i32.const 0))".repeat(count);
        let sets: String = (0..count)
            .map(|index| format!("(global.set {index} (i32.const 1))"))
            .collect();
        format!("(memory 1) {globals} (func (export \"f\") {sets})")
    };
    assert_eq!(
        refusal_of_module(&many(15)),
        Refusal::TooManyGlobals {
            count: 15,
            most: 14
        }
    );
    let used =
        r#"(core module $user) (core instance (instantiate $user (with "main" (instance $main))))"#;
    assert_eq!(
        link::link(&component("", &many(14), used)).unwrap().globals,
        14
    );
}

#[test]
fn data_without_a_fixed_place_is_refused() {
    let importing = component(
        "",
        r#"(global (export "base") i32 (i32.const 8))"#,
        r#"(core module $data (global $base (import "m" "base") i32) (memory 1) (data (offset (global.get $base)) "x"))
           (core instance (instantiate $data (with "m" (instance $main))))"#,
    );
    assert!(matches!(
        link::link(&importing),
        Err(Refusal::DataAddress { .. })
    ));
    assert!(matches!(
        refusal_of_module("(memory 1) (data (i32.const 65536) \"x\")"),
        Refusal::DataOutside { .. }
    ));
    assert!(matches!(
        refusal_of_module("(memory 0) (data (i32.const -1) \"x\")"),
        Refusal::DataOutside { .. }
    ));
    assert!(matches!(
        refusal_of_module("(memory 65535) (data (i32.const -65537) \"x\")"),
        Refusal::DataFar { .. }
    ));
}

#[test]
fn a_module_that_is_instantiated_twice_is_refused() {
    assert_eq!(
        link::link(&component(
            "",
            "(memory 1)",
            "(core instance (instantiate $main))"
        )),
        Err(Refusal::Twice)
    );
}

#[test]
fn proposals_that_jobs_cannot_use_are_named() {
    let cases = [
        ("(func (drop (i32.atomic.load (i32.const 0))))", "threads"),
        (
            "(type $point (struct (field i32)))",
            "garbage-collected types",
        ),
        ("(tag $oops) (func (throw $oops))", "exceptions"),
        (
            "(func (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0))))",
            "relaxed SIMD",
        ),
        (
            "(type $f (func)) (func (param (ref $f)))",
            "typed function references",
        ),
    ];
    for (field, expected) in cases {
        let refusal = refusal_of_module(&format!("(memory 1) {field}"));
        assert!(
            matches!(&refusal, Refusal::Proposal { proposal, .. } if *proposal == expected),
            "{field}: {refusal:?}"
        );
    }
}

#[test]
fn what_rust_and_c_compile_to_is_taken() {
    let fields = [
        "(func (export \"f\") (param v128) (result v128) (v128.not (local.get 0)))",
        "(func (export \"f\") (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(func (export \"f\") (result i32 i32) (i32.const 0) (i32.const 0))",
        "(func $f (export \"f\") (return_call $f))",
        "(func (export \"f\") (result i32) (i32.trunc_sat_f32_s (f32.const 0)))",
    ];
    for field in fields {
        let result = link::link(&component("", &format!("(memory 1) {field}"), ""));
        assert!(result.is_ok(), "{field}: {result:?}");
    }
}

#[test]
fn components_of_another_world_or_version_are_refused() {
    assert_eq!(link::link(&wat("(component)")), Err(Refusal::OtherWorld));
    let other = wat(
        r#"(component (instance $a) (export "tinderbox:job/application@0.2.0" (instance $a)))"#,
    );
    let refusal = link::link(&other).unwrap_err();
    let expected = Refusal::ContractVersion {
        interface: "tinderbox:job/application".to_string(),
        found: "0.2.0".to_string(),
        spoken: "0.1.x",
    };
    assert_eq!(refusal, expected);
}

#[test]
fn imports_that_no_job_can_have_are_refused_by_name() {
    for name in [
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:io/poll@0.3.0",
        "acme:secret/door@1.0.0",
    ] {
        assert_eq!(
            refusal_of_import(&format!(r#"(import "{name}" (instance))"#)),
            Refusal::UnknownImport {
                name: name.to_string()
            }
        );
    }
    assert_eq!(
        refusal_of_import(r#"(import "open-door" (func))"#),
        Refusal::UnknownImport {
            name: "open-door".to_string()
        }
    );
    let newer = refusal_of_import(
        r#"(import "tinderbox:job/task@0.1.9" (instance (export "teleport" (func))))"#,
    );
    assert!(
        matches!(&newer, Refusal::UnknownFunction { function, .. } if function == "teleport"),
        "{newer}"
    );
}

#[test]
fn a_program_that_prints_must_import_the_log() {
    let silent = WASI.replace(
        r#"(export "log" (func (param "to" $channel) (param "bytes" (list u8))))"#,
        "",
    );
    assert_eq!(link::link(&wat(&silent)), Err(Refusal::NoLogging));
}

#[test]
fn code_in_a_nested_component_is_refused() {
    let nested = "(component $inner (core module $m (memory 1)) (core instance (instantiate $m)))";
    assert_eq!(
        link::link(&component("", "(memory 1)", nested)),
        Err(Refusal::Nested)
    );
    let shapes_only = "(component $inner (import \"f\" (func $f)) (export \"g\" (func $f)))";
    assert!(link::link(&component("", "(memory 1)", shapes_only)).is_ok());
}

#[test]
fn resources_of_the_programs_own_are_refused() {
    assert_eq!(
        link::link(&component(
            "",
            "(memory 1)",
            "(type $r (resource (rep i32)))"
        )),
        Err(Refusal::OwnResources)
    );
}

#[test]
fn a_linked_component_is_not_linked_again() {
    let linked = link::link(&program()).unwrap();
    assert_eq!(link::link(&linked.component), Err(Refusal::LinkedBefore));
}

#[test]
fn every_refusal_says_what_to_do_in_one_line() {
    let refusals = [
        Refusal::Empty,
        Refusal::CoreModule,
        Refusal::NoMemory,
        Refusal::Nested,
        Refusal::LinkedBefore,
        Refusal::Twice,
    ];
    for refusal in refusals {
        let message = refusal.to_string();
        assert!(
            !message.ends_with('.')
                && !message.contains('\n')
                && message.starts_with(char::is_lowercase),
            "{message}"
        );
        assert!(message.contains(';') || message.contains(','), "{message}");
    }
}
