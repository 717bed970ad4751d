//! TLS, login and rights: a broker that lets nobody in who does not prove who he is.

use beidou_log::{
    Log, LogError,
    kafka::{KafkaOptions, Sasl, Tls},
};
use beidou_schemas::Topic;
use beidou_tests::{
    control_plane::pki::Pki,
    kafka::{Broker, Settings},
    wait::until,
};
use rdkafka::ClientConfig;
use tempfile::TempDir;

use crate::{
    rights::may_see,
    site::{EVENTS, LEDGER, PATIENCE, all, open, options, text},
    topics::refused,
};

/// May do everything.
const OWNER: (&str, &str) = ("owner", "owner-secret");
/// May do nothing.
const GUEST: (&str, &str) = ("guest", "guest-secret");

struct Secured {
    broker: Broker,
    folder: TempDir,
}

impl Secured {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::create(folder.path(), &[]).unwrap();
        // Kafka takes key and certificates of a PEM store out of one file.
        let read = |file: &str| std::fs::read_to_string(pki.path(file)).unwrap();
        let store = folder.path().join("store.pem");
        std::fs::write(&store, read("server.key") + &read("server.crt")).unwrap();
        let lines = [
            "listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512".into(),
            "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512".into(),
            format!(
                "listener.name.client.scram-sha-512.sasl.jaas.config=\
                 org.apache.kafka.common.security.scram.ScramLoginModule required username=\"{}\" password=\"{}\";",
                OWNER.0, OWNER.1
            ),
            "listener.name.client.ssl.keystore.type=PEM".into(),
            format!("listener.name.client.ssl.keystore.location={}", store.display()),
            "listener.name.client.ssl.truststore.type=PEM".into(),
            format!("listener.name.client.ssl.truststore.location={}", pki.path("ca.crt").display()),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".into(),
            format!("super.users=User:{};User:ANONYMOUS", OWNER.0),
        ];
        let settings = Settings {
            lines: lines.into(),
            protocol: Some("SASL_SSL"),
            users: vec![OWNER, GUEST],
            ..Settings::default()
        };
        Self { broker: Broker::with(&settings).await.unwrap(), folder }
    }

    fn client(&self) -> ClientConfig {
        let mut config = self.broker.client();
        config
            .set("security.protocol", "sasl_ssl")
            .set("ssl.ca.location", self.folder.path().join("ca.crt").display().to_string());
        config.set("sasl.mechanism", "SCRAM-SHA-512").set("sasl.username", OWNER.0).set("sasl.password", OWNER.1);
        config
    }

    fn options(&self, (user, password): (&str, &str)) -> KafkaOptions {
        let mut options = options(self.broker.address());
        options.kafka.tls = Tls { enabled: true, ca_file: Some(self.folder.path().join("ca.crt")), ..Tls::default() };
        options.kafka.sasl = Sasl { user: Some(user.into()), password: Some(password.into()), ..Sasl::default() };
        options.kafka.check().unwrap();
        options
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_proves_who_he_is_and_has_the_right_gets_in() {
    let secured = Secured::start().await;
    let log = open(&secured.options(OWNER)).await;
    for at in [EVENTS, LEDGER] {
        log.writer(at, "test").await.unwrap().append(vec![text("a")]).await.unwrap();
        assert_eq!(all(&log, at).await, ["a"]);
    }

    let (error, says) = refused(&secured.options((OWNER.0, "wrong"))).await;
    assert!(!error.is_retryable() && says.contains("uthentication"), "{says}");

    let options = secured.options(GUEST);
    let (error, says) = refused(&options).await;
    assert!(matches!(error, LogError::Topic { .. }), "{error:?}");
    for part in [&options.name(Topic::KubeEvent), "the user may not see it", "allow Create", "kafka-topics.sh --create"]
    {
        assert!(says.contains(part), "{says}\nlacks {part}");
    }

    may_see(&secured.client().create().unwrap(), GUEST.0, &options.kafka.prefix);
    let says = until("the guest may see topics, and not make them", PATIENCE, async || {
        let (_, says) = refused(&options).await;
        (!says.contains("may not see it")).then_some(says)
    });
    let says = says.await.unwrap();
    for part in [&options.name(Topic::KubeEvent), "does not let us make it", "allow Create", "kafka-topics.sh --create"]
    {
        assert!(says.contains(part), "{says}\nlacks {part}");
    }

    // Made by somebody else, they are used as they are, and what may not be written is told.
    let mut owned = options.clone();
    owned.kafka.sasl = secured.options(OWNER).kafka.sasl;
    drop(open(&owned).await);
    let answer = open(&options).await.writer(EVENTS, "test").await.unwrap().append(vec![text("a")]).await;
    assert!(matches!(&answer, Err(error @ LogError::Broker { .. }) if !error.is_retryable()), "{answer:?}");

    let mut strange = secured.options(OWNER);
    let other = tempfile::tempdir().unwrap();
    strange.kafka.tls.ca_file = Some(Pki::create(other.path(), &[]).unwrap().path("ca.crt"));
    let (_, says) = refused(&strange).await;
    assert!(says.contains("certificate"), "{says}");
}
