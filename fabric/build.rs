//! Compiles `proto/*.proto` without protoc: protox parses, prost-build writes the Rust code.

use std::{collections::BTreeMap, env, error::Error, fs, path::PathBuf};

use prost_build::Config;
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const PROTOS: &[&str] = &[
    "common.proto",
    "etcdraft.proto",
    "gateway.proto",
    "kvrwset.proto",
    "lifecycle.proto",
    "msp.proto",
    "orderer.proto",
    "protos.proto",
    "queryresult.proto",
    "rwset.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut config = Config::new();
    // `types::decode` finds a message's fields by its name.
    config.enable_type_names();
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    fs::write(out.join("fields.rs"), fields(&descriptors))?;
    config.bytes(["."]).btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}

/// What `types::decode` must know of each message: an expression of Rust, sorted by the messages' full names.
fn fields(descriptors: &FileDescriptorSet) -> String {
    let mut all = BTreeMap::new();
    for file in &descriptors.file {
        file.message_type.iter().for_each(|message| add(&mut all, file.package(), message));
    }
    let line = |(name, fields): (String, String)| format!("({name:?}, &[{fields}]),\n");
    format!("&[\n{}]", all.into_iter().map(line).collect::<String>())
}

fn add(all: &mut BTreeMap<String, String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    message.nested_type.iter().for_each(|nested| add(all, &name, nested));
    let kind = |field: &FieldDescriptorProto| format!("({}, {}), ", field.number(), kind(field));
    all.insert(name, message.field.iter().map(kind).collect());
}

fn kind(field: &FieldDescriptorProto) -> String {
    let repeated = field.label() == Label::Repeated;
    let scalar = |wire_type: u8| format!("Kind::Scalar {{ wire_type: {wire_type}, repeated: {repeated} }}");
    match field.r#type() {
        Type::String | Type::Bytes => "Kind::Bytes".to_owned(),
        Type::Message | Type::Group => {
            format!("Kind::Message({:?})", field.type_name().trim_start_matches('.'))
        }
        Type::Double | Type::Fixed64 | Type::Sfixed64 => scalar(1),
        Type::Float | Type::Fixed32 | Type::Sfixed32 => scalar(5),
        _ => scalar(0),
    }
}
