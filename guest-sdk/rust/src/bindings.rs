//! The guest side of the contract, generated from `wit/job.wit`.
//!
//! Nothing here is written by hand, and only the modules `host`, `error` and `program` look inside.
wit_bindgen::generate!({
    world: "job-program",
    path: "wit",
    pub_export_macro: true,
    export_macro_name: "__export_job_program",
    default_bindings_module: "tinderbox::bindings",
    generate_all,
});
