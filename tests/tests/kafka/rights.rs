//! Rights on a broker, given as an administrator gives them. The client library has calls for it in C only.

use std::{ffi::CString, ptr};

use rdkafka::{
    admin::AdminClient,
    bindings::{
        rd_kafka_AclBinding_destroy, rd_kafka_AclBinding_new, rd_kafka_AclOperation_t, rd_kafka_AclPermissionType_t,
        rd_kafka_CreateAcls, rd_kafka_ResourcePatternType_t, rd_kafka_ResourceType_t, rd_kafka_event_destroy,
        rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll,
    },
    client::DefaultClientContext,
};

/// Lets `user` see all topics whose names begin with `prefix`, and no more. What came of it shows in what he is told then.
pub fn may_see(admin: &AdminClient<DefaultClientContext>, user: &str, prefix: &str) {
    let [principal, name, host] = [format!("User:{user}"), prefix.into(), "*".into()].map(|s| CString::new(s).unwrap());
    let client = admin.inner().native_ptr();
    let mut why = [0; 512];
    // SAFETY: the client lives as long as the borrow; strings and array outlive the calls, which copy them; what is made
    // here is destroyed here, the event may be null, which its destructor takes.
    unsafe {
        let mut right = rd_kafka_AclBinding_new(
            rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC,
            name.as_ptr(),
            rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
            principal.as_ptr(),
            host.as_ptr(),
            rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_DESCRIBE,
            rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            why.as_mut_ptr(),
            why.len(),
        );
        assert!(!right.is_null(), "the right is not well formed");
        let queue = rd_kafka_queue_new(client);
        rd_kafka_CreateAcls(client, &mut right, 1, ptr::null(), queue);
        rd_kafka_event_destroy(rd_kafka_queue_poll(queue, 60_000));
        rd_kafka_queue_destroy(queue);
        rd_kafka_AclBinding_destroy(right);
    }
}
