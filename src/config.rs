//! Settings: defaults, then a TOML file, then environment variables `KAKEHASHI_…`, then flags. Checked at start, all
//! problems at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::exchange::{BoardPolicy, Enforcement, Policy, RequestLimits, TypePolicies, Validity};
use crate::profile;
use crate::store::{SearchLimits, WriterSettings};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// Everything that can be set. Names are those of the TOML file; the environment has them in capitals behind
/// `KAKEHASHI_`, flags with hyphens.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub database_url: String,
    pub base_url: Option<String>,
    pub insecure_open: bool,
    /// The folder of definitions; `None`: those built in.
    pub profiles: Option<PathBuf>,
    pub log: String,
    pub log_format: LogFormat,
    pub limits: RequestLimits,
    pub writing: WriterSettings,
    pub body_timeout: Duration,
    pub strictness: profile::Settings,
    /// What becomes of content that breaks the rules.
    pub policy: Policy,
    /// How long reports of beds are believed, and accepted beds kept.
    pub board_policy: BoardPolicy,
    /// Days that a row of the outbox is kept.
    pub outbox_days: u32,
    pub mllp: MllpConfig,
    /// Days that a dead letter is kept.
    pub dead_letter_days: u32,
}

/// How HL7 v2 comes in.
#[derive(Clone, Debug)]
pub struct MllpConfig {
    pub listen: Option<SocketAddr>,
    pub senders: Option<PathBuf>,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub client_ca: Option<PathBuf>,
    pub connections: usize,
    pub message_bytes: usize,
    pub idle: Duration,
}

/// Every setting by name, with its default and what it means: the source of `--help` and of the README's table.
pub const SETTINGS: [(&str, &str, &str); 43] = [
    ("listen", "127.0.0.1:8080", "address and port to listen on"),
    ("database_url", "sqlite://kakehashi.db", "sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE"),
    ("base_url", "", "FHIR base address that links carry; empty: the request's own"),
    ("insecure_open", "false", "allow a listen address other than loopback although no access rules exist"),
    ("profiles", "", "folder of definitions; empty: ./fhir-profiles if it is there, else those built in"),
    ("log", "info", "log filter, such as info,kakehashi::store=debug"),
    ("log_format", "text", "text or json"),
    ("max_body_bytes", "16777216", "bytes of a request body, unpacked"),
    ("max_json_depth", "64", "arrays and objects inside each other"),
    ("max_bundle_entries", "5000", "entries of a batch or transaction"),
    ("max_page", "1000", "resources on a page, at most"),
    ("default_page", "50", "resources on a page where the client does not say"),
    ("max_included", "1000", "resources that _include and _revinclude add to a page, at most"),
    ("max_search_rows", "200000", "index rows or resources that are looked at for a page of a search, at most"),
    ("max_search_ms", "5000", "milliseconds for which rows are looked at for a page of a search"),
    ("max_sorted_rows", "20000", "rows that are sorted for a page, or counted to find where a search begins, at most"),
    ("slow_search_ms", "500", "milliseconds from which a search is told in the log, without its values; 0: never"),
    ("body_timeout_seconds", "30", "time for a request's body to arrive"),
    ("group_commit", "64", "writes that share one commit, at most; 1 switches grouping off"),
    ("writers", "0", "writers on PostgreSQL; 0: one for every two processors"),
    ("write_queue", "4096", "writes that may wait for one writer"),
    ("write_deadline_seconds", "10", "time for which a write is tried before it is answered 503"),
    ("feed_minutes", "30", "minutes for which a report of beds or counts by a system is believed"),
    ("manual_minutes", "1440", "the same for what people send"),
    (
        "minutes_by_place",
        "",
        "both for single facilities or wards, by the Location's id: hosp-01=10/720,ward-7=5/60 (feed/manual)",
    ),
    ("clock_tolerance_seconds", "300", "how far ahead a sender's clock may be"),
    ("hold_minutes", "240", "minutes for which an accepted bed is kept where the task does not say"),
    ("max_hold_minutes", "1440", "the same, at most"),
    ("outbox_days", "7", "days for which the outbox keeps what no delivery has taken"),
    (
        "validation",
        "enforce",
        "what breaks base R4 or a profile: enforce (422), warn (written, and told) or off (written without a look)",
    ),
    ("validation_by_type", "", "the same for single types, such as Observation=warn,Basic=off"),
    ("refuse_unmatched", "false", "refuse resources that no profile rule matches, of types that have rules"),
    ("refuse_unknown_extensions", "false", "refuse extensions without a loaded definition"),
    ("refuse_unknown_profiles", "false", "refuse meta.profile values that are not loaded"),
    ("mllp_listen", "", "address and port to listen on for HL7 v2 by MLLP; empty: none"),
    ("mllp_senders", "", "TOML file of the HL7 v2 senders, with their beds (docs/hl7v2.md)"),
    ("mllp_tls_cert", "", "PEM file of the server's certificate and its chain; empty: MLLP without TLS"),
    ("mllp_tls_key", "", "PEM file of its key"),
    ("mllp_tls_client_ca", "", "PEM file of the authorities of client certificates, which clients then have to show"),
    ("mllp_max_connections", "1024", "MLLP connections at a time; one address has a quarter of them at most"),
    ("mllp_max_message_bytes", "1048576", "bytes of an HL7 v2 message"),
    ("mllp_idle_seconds", "3600", "time without a message after which an MLLP connection is closed"),
    ("hl7_dead_letter_days", "30", "days for which HL7 v2 messages that could not be applied are kept"),
];

/// A setting that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub String);

impl Config {
    /// Reads all sources. `flags` are the pairs that were given on the command line.
    pub fn load(file: Option<&Path>, flags: &[(&str, String)]) -> Result<Config, Vec<ConfigError>> {
        let mut figment = Figment::new();
        for (name, default, _) in SETTINGS {
            figment = figment.merge(Serialized::default(name, default));
        }
        if let Some(file) = file {
            if !file.exists() {
                return Err(vec![ConfigError(format!("the configuration file {} does not exist", file.display()))]);
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("KAKEHASHI_").filter(is_setting).lowercase(true));
        for (name, value) in flags {
            figment = figment.merge(Serialized::default(name, value));
        }
        Reader { figment, errors: Vec::new() }.read()
    }
}

/// Variables that are none: where the file is, and what `tests/with-postgres` tells the tests.
fn is_setting(name: &figment::value::UncasedStr) -> bool {
    name != "config" && !name.starts_with("test_")
}

struct Reader {
    figment: Figment,
    errors: Vec<ConfigError>,
}

impl Reader {
    fn read(mut self) -> Result<Config, Vec<ConfigError>> {
        self.refuse_unknown();
        let defaults = (RequestLimits::default(), WriterSettings::default());
        let optional = |text: String| Some(text).filter(|text| !text.is_empty());
        let config = Config {
            listen: self.parse("listen", SocketAddr::from(([127, 0, 0, 1], 8080))),
            database_url: self.parse("database_url", String::new()),
            base_url: optional(self.parse("base_url", String::new())),
            insecure_open: self.parse("insecure_open", false),
            profiles: optional(self.parse("profiles", String::new())).map(PathBuf::from),
            log: self.parse("log", String::new()),
            log_format: self.typed("log_format", LogFormat::Text),
            limits: RequestLimits {
                body: self.parse("max_body_bytes", defaults.0.body),
                depth: self.parse("max_json_depth", defaults.0.depth),
                entries: self.parse("max_bundle_entries", defaults.0.entries),
                page: self.parse("max_page", defaults.0.page),
                default_page: self.parse("default_page", defaults.0.default_page),
                search: SearchLimits {
                    examined: self.parse("max_search_rows", defaults.0.search.examined),
                    millis: self.parse("max_search_ms", defaults.0.search.millis),
                    included: self.parse("max_included", defaults.0.search.included),
                    whole: self.parse("max_sorted_rows", defaults.0.search.whole),
                },
                slow_search: Duration::from_millis(self.parse("slow_search_ms", 500)),
            },
            writing: WriterSettings {
                group: self.parse("group_commit", defaults.1.group),
                writers: self.parse("writers", defaults.1.writers),
                queue: self.parse("write_queue", defaults.1.queue),
                deadline: Duration::from_secs(self.parse("write_deadline_seconds", 10)),
            },
            body_timeout: Duration::from_secs(self.parse("body_timeout_seconds", 30)),
            strictness: profile::Settings {
                refuse_unmatched: self.parse("refuse_unmatched", false),
                refuse_unknown_extensions: self.parse("refuse_unknown_extensions", false),
                refuse_unknown_profiles: self.parse("refuse_unknown_profiles", false),
            },
            policy: Policy {
                usual: self.parse("validation", Enforcement::Enforce),
                by_type: self.parse("validation_by_type", TypePolicies::default()),
            },
            board_policy: self.board_policy(),
            outbox_days: self.parse("outbox_days", 7),
            mllp: self.mllp(),
            dead_letter_days: self.parse("hl7_dead_letter_days", 30),
        };
        self.check(&config);
        if self.errors.is_empty() { Ok(config) } else { Err(self.errors) }
    }

    fn board_policy(&mut self) -> BoardPolicy {
        const MINUTE: i64 = 60_000;
        let minutes = |count: i64| count.saturating_mul(MINUTE);
        let validity = Validity {
            feed: minutes(self.parse("feed_minutes", 30)),
            manual: minutes(self.parse("manual_minutes", 1_440)),
        };
        let places: String = self.parse("minutes_by_place", String::new());
        let mut validity_of = BTreeMap::new();
        for place in places.split(',').map(str::trim).filter(|place| !place.is_empty()) {
            let read = || {
                let (id, both) = place.split_once('=')?;
                let (feed, manual) = both.split_once('/')?;
                let (feed, manual) = (minutes(feed.trim().parse().ok()?), minutes(manual.trim().parse().ok()?));
                Some((id.trim().to_owned(), Validity { feed, manual }))
            };
            match read() {
                Some((id, validity)) => drop(validity_of.insert(id, validity)),
                None => self.errors.push(ConfigError(format!("minutes_by_place: {place:?} is not ID=FEED/MANUAL"))),
            }
        }
        BoardPolicy {
            validity,
            validity_of,
            ahead: self.parse::<i64>("clock_tolerance_seconds", 300).saturating_mul(1_000),
            hold: minutes(self.parse("hold_minutes", 240)),
            longest_hold: minutes(self.parse("max_hold_minutes", 1_440)),
        }
    }

    fn mllp(&mut self) -> MllpConfig {
        let address = self.path("mllp_listen").map(|text| text.display().to_string());
        let listen = address.and_then(|text| match text.parse() {
            Ok(address) => Some(address),
            Err(_) => {
                self.errors.push(ConfigError(format!("mllp_listen: the value {text:?} does not fit")));
                None
            }
        });
        let tls = match (self.path("mllp_tls_cert"), self.path("mllp_tls_key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                self.errors.push(ConfigError("mllp_tls_cert, mllp_tls_key: both or neither".into()));
                None
            }
        };
        MllpConfig {
            listen,
            senders: self.path("mllp_senders"),
            tls,
            client_ca: self.path("mllp_tls_client_ca"),
            connections: self.parse("mllp_max_connections", 1024),
            message_bytes: self.parse("mllp_max_message_bytes", 1 << 20),
            idle: Duration::from_secs(self.parse("mllp_idle_seconds", 3600)),
        }
    }

    fn path(&mut self, name: &str) -> Option<PathBuf> {
        Some(self.parse(name, String::new())).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    fn refuse_unknown(&mut self) {
        let Ok(values) = self.figment.extract::<std::collections::BTreeMap<String, figment::value::Value>>() else {
            self.errors.push(ConfigError("the configuration file is not TOML".into()));
            return;
        };
        for name in values.keys().filter(|name| !SETTINGS.iter().any(|(known, _, _)| known == name)) {
            self.errors.push(ConfigError(format!("unknown setting {name}")));
        }
    }

    /// A value that is written as text in the environment and on the command line, typed or as text in TOML.
    fn parse<T: std::str::FromStr>(&mut self, name: &str, fallback: T) -> T {
        let found = self.figment.find_value(name).ok().and_then(|value| match value {
            figment::value::Value::String(_, text) => Some(text),
            figment::value::Value::Bool(_, flag) => Some(flag.to_string()),
            figment::value::Value::Num(_, number) => {
                number.to_i128().map(|n| n.to_string()).or(number.to_u128().map(|n| n.to_string()))
            }
            _ => None,
        });
        match found.as_deref().map(str::parse) {
            Some(Ok(value)) => value,
            _ => {
                let shown = if name == "database_url" { String::new() } else { found.unwrap_or_default() };
                self.errors.push(ConfigError(format!("{name}: the value {shown:?} does not fit")));
                fallback
            }
        }
    }

    fn typed<T: DeserializeOwned>(&mut self, name: &str, fallback: T) -> T {
        self.figment.extract_inner(name).unwrap_or_else(|error| {
            self.errors.push(ConfigError(format!("{name}: {error}")));
            fallback
        })
    }

    fn check(&mut self, config: &Config) {
        let mut expect = |holds: bool, text: &str| {
            if !holds {
                self.errors.push(ConfigError(text.to_owned()));
            }
        };
        let url = &config.database_url;
        expect(
            url.strip_prefix("sqlite://").is_some_and(|path| !path.is_empty())
                || url.starts_with("postgres://")
                || url.starts_with("postgresql://"),
            "database_url: must be sqlite://PATH or postgres://…",
        );
        expect(
            config.listen.ip().is_loopback() || config.insecure_open,
            "listen: this address can be reached from other machines, and no access rules exist yet: anybody could read \
             and write patients' data. Use a loopback address, or say insecure_open (--insecure-open) if you mean it",
        );
        let http = |base: &String| base.starts_with("http://") || base.starts_with("https://");
        expect(config.base_url.as_ref().is_none_or(http), "base_url: must start with http:// or https://");
        expect(config.limits.depth >= 8, "max_json_depth: at least 8, or FHIR resources do not fit");
        expect(
            config.limits.depth <= 256,
            "max_json_depth: at most 256, or the stack may not hold what hostile clients nest",
        );
        expect(config.limits.default_page <= config.limits.page, "default_page: must not exceed max_page");
        expect(config.limits.search.examined >= 1_000, "max_search_rows: at least 1000");
        expect(config.limits.search.millis > 0, "max_search_ms: at least 1");
        expect((100..=1_000_000).contains(&config.limits.search.whole), "max_sorted_rows: between 100 and 1000000");
        expect(config.writing.queue > 0, "write_queue: at least 1");
        let board = &config.board_policy;
        let validities = board.validity_of.values().chain([&board.validity]);
        let durations = validities.flat_map(|validity| [validity.feed, validity.manual]);
        expect(
            durations.chain([board.hold]).all(|duration| duration > 0) && board.ahead >= 0,
            "feed_minutes, manual_minutes, minutes_by_place, hold_minutes: at least 1 minute",
        );
        expect(board.hold <= board.longest_hold, "hold_minutes: must not exceed max_hold_minutes");
        expect(config.outbox_days > 0, "outbox_days: at least 1");
        expect(config.dead_letter_days > 0, "hl7_dead_letter_days: at least 1");
        let mllp = &config.mllp;
        expect(
            mllp.listen.is_none_or(|address| address.ip().is_loopback())
                || mllp.client_ca.is_some()
                || config.insecure_open,
            "mllp_listen: this address can be reached from other machines, and anybody could report beds. Ask for client \
             certificates (mllp_tls_client_ca), use a loopback address, or say insecure_open (--insecure-open) if you mean it",
        );
        expect(
            mllp.client_ca.is_none() || mllp.tls.is_some(),
            "mllp_tls_client_ca: needs mllp_tls_cert and mllp_tls_key",
        );
        expect(mllp.listen.is_none() || mllp.senders.is_some(), "mllp_listen: needs mllp_senders, the file of senders");
        expect(mllp.connections > 0, "mllp_max_connections: at least 1");
        expect(mllp.message_bytes >= 1024, "mllp_max_message_bytes: at least 1024");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Source;

    fn load(flags: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let flags: Vec<(&str, String)> = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Config::load(None, &flags).map_err(|errors| errors.into_iter().map(|error| error.0).collect())
    }

    #[test]
    fn defaults_are_valid_and_those_of_the_code() {
        let config = load(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.limits.body, RequestLimits::default().body);
        assert_eq!(config.writing.group, WriterSettings::default().group);
        assert_eq!(config.outbox_days, 7);
    }

    #[test]
    fn validation_is_set_for_all_types_and_for_single_ones() {
        let config = load(&[("validation", "warn"), ("validation_by_type", "Basic=off")]).unwrap();
        assert_eq!((config.policy.of("Patient"), config.policy.of("Basic")), (Enforcement::Warn, Enforcement::Off));
        assert_eq!(load(&[]).unwrap().policy, Policy::default());
        assert_eq!(load(&[("validation", "loose"), ("validation_by_type", "Basic")]).unwrap_err().len(), 2);
    }

    #[test]
    fn mllp_from_other_machines_needs_client_certificates() {
        let senders = ("mllp_senders", "senders.toml");
        assert!(load(&[("mllp_listen", "127.0.0.1:2575"), senders]).is_ok());
        assert_eq!(load(&[("mllp_listen", "127.0.0.1:2575")]).unwrap_err().len(), 1);
        assert_eq!(load(&[("mllp_listen", "0.0.0.0:2575"), senders]).unwrap_err().len(), 1);
        let tls = [("mllp_tls_cert", "c.pem"), ("mllp_tls_key", "k.pem"), ("mllp_tls_client_ca", "ca.pem")];
        let all = [[("mllp_listen", "0.0.0.0:2575"), senders].as_slice(), &tls].concat();
        assert!(load(&all).is_ok());
        assert_eq!(load(&tls[..1]).unwrap_err().len(), 1);
        assert_eq!(load(&tls[2..]).unwrap_err().len(), 1);
        assert_eq!(load(&[("mllp_listen", "here")]).unwrap_err().len(), 1);
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let errors =
            load(&[("listen", "0.0.0.0:80"), ("database_url", "mysql://x"), ("group_commit", "many")]).unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(load(&[("listen", "0.0.0.0:80"), ("insecure_open", "true")]).is_ok());
        assert_eq!(load(&[("outbox_days", "30")]).unwrap().outbox_days, 30);
        assert!(load(&[("outbox_days", "0")]).is_err());
    }

    #[test]
    fn reports_are_believed_as_long_as_the_region_has_agreed() {
        let config = load(&[("feed_minutes", "10"), ("minutes_by_place", "hosp-01=5/60, w-7=1/2")]).unwrap();
        let of = |ward, facility, source| config.board_policy.validity(ward, facility, source) / 60_000;
        assert_eq!(of("w-1", Some("hosp-02"), Source::Feed), 10);
        assert_eq!(of("w-1", Some("hosp-02"), Source::Manual), 1_440);
        assert_eq!(of("w-1", Some("hosp-01"), Source::Feed), 5);
        assert_eq!(of("w-7", Some("hosp-01"), Source::Manual), 2);
        for wrong in ["hosp-01", "hosp-01=5", "hosp-01=0/5", "hosp-01=a/b"] {
            assert!(load(&[("minutes_by_place", wrong)]).is_err(), "{wrong}");
        }
        assert!(load(&[("hold_minutes", "300"), ("max_hold_minutes", "200")]).is_err());
        assert_eq!(load(&[]).unwrap().board_policy, BoardPolicy::default());
    }
}
