//! An `UpdateFunctionConfiguration` that gives `$LATEST` the settings of a version. Only what differs is sent: a role that
//! stays needs no `iam:PassRole`, and a runtime that stays is not judged again.

use std::collections::HashMap;

use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder as Call;
use aws_sdk_lambda::types::{
    DeadLetterConfig, Environment, EphemeralStorage, FunctionConfiguration, ImageConfig, LoggingConfig, SnapStart,
    SnapStartApplyOn, TracingConfig, TracingMode, VpcConfig,
};

use super::settings::{Setting, Settings};

/// `call` with what `then` has otherwise than `now`; `variables` are those of `then`.
pub(super) fn like(
    call: Call,
    now: &FunctionConfiguration,
    then: &FunctionConfiguration,
    variables: HashMap<String, String>,
) -> Call {
    let (present, wanted) = (Settings::of(now), Settings::of(then));
    let mut call = call;
    if present.environment != wanted.environment {
        call = call.environment(Environment::builder().set_variables(Some(variables)).build());
    }
    for setting in present.differing(&wanted) {
        call = set(call, setting, then);
    }
    call
}

/// An empty value takes a setting away: left out, it would stay.
fn set(call: Call, setting: Setting, then: &FunctionConfiguration) -> Call {
    match setting {
        Setting::Timeout => call.set_timeout(then.timeout),
        Setting::Memory => call.set_memory_size(then.memory_size),
        Setting::Runtime => call.set_runtime(then.runtime.clone()),
        Setting::Handler => call.set_handler(then.handler.clone()),
        Setting::Role => call.set_role(then.role.clone()),
        Setting::Layers => call.set_layers(Some(then.layers().iter().filter_map(|layer| layer.arn.clone()).collect())),
        Setting::Vpc => {
            let (subnets, groups) = then
                .vpc_config
                .as_ref()
                .map(|vpc| (vpc.subnet_ids().to_vec(), vpc.security_group_ids().to_vec()))
                .unwrap_or_default();
            let vpc = VpcConfig::builder().set_subnet_ids(Some(subnets)).set_security_group_ids(Some(groups));
            call.vpc_config(vpc.build())
        }
        Setting::DeadLetter => {
            let queue = then.dead_letter_config.as_ref().and_then(|queue| queue.target_arn.clone()).unwrap_or_default();
            call.dead_letter_config(DeadLetterConfig::builder().target_arn(queue).build())
        }
        Setting::Key => call.kms_key_arn(then.kms_key_arn.clone().unwrap_or_default()),
        Setting::Tracing => {
            let mode = then.tracing_config.as_ref().and_then(|tracing| tracing.mode.clone());
            call.tracing_config(TracingConfig::builder().mode(mode.unwrap_or(TracingMode::PassThrough)).build())
        }
        Setting::FileSystems => call.set_file_system_configs(Some(then.file_system_configs().to_vec())),
        Setting::Storage => {
            let size = then.ephemeral_storage.as_ref().map(|storage| storage.size);
            match EphemeralStorage::builder().size(size.unwrap_or(super::settings::DEFAULT_STORAGE)).build() {
                Ok(storage) => call.ephemeral_storage(storage),
                Err(_) => call,
            }
        }
        Setting::Image => {
            let image = then.image_config_response.as_ref().and_then(|image| image.image_config.clone());
            call.image_config(image.unwrap_or_else(|| ImageConfig::builder().build()))
        }
        Setting::SnapStart => {
            let on = then.snap_start.as_ref().and_then(|snap| snap.apply_on.clone());
            call.snap_start(SnapStart::builder().apply_on(on.unwrap_or(SnapStartApplyOn::None)).build())
        }
        Setting::Logging => {
            call.logging_config(then.logging_config.clone().unwrap_or_else(|| LoggingConfig::builder().build()))
        }
    }
}
