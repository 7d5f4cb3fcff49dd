//! Which proxy this program goes through, as every other program on this machine is told.

use alcove_issuer::{Proxies, ProxyUrl};
use clap::Args;

/// The usual variables. The first of them that is set counts.
#[derive(Debug, Args)]
pub(super) struct ProxyArgs {
    /// The proxy to the server's desk, http://HOST:PORT; an empty one: none. A password belongs in the variable, not here.
    #[arg(long, value_name = "URL", env = "https_proxy", hide_env_values = true)]
    proxy: Option<ProxyUrl>,
    #[arg(long, hide = true, env = "HTTPS_PROXY", hide_env_values = true)]
    proxy_upper_case: Option<ProxyUrl>,
    #[arg(long, hide = true, env = "all_proxy", hide_env_values = true)]
    proxy_of_all: Option<ProxyUrl>,
    #[arg(long, hide = true, env = "ALL_PROXY", hide_env_values = true)]
    proxy_of_all_upper_case: Option<ProxyUrl>,
    /// What is reached without the proxy: names, addresses and networks, separated by commas.
    #[arg(long, value_name = "LIST", env = "no_proxy")]
    no_proxy: Option<String>,
    #[arg(long, hide = true, env = "NO_PROXY")]
    no_proxy_upper_case: Option<String>,
}

impl ProxyArgs {
    /// Every connection of this run goes by them.
    pub(super) fn put_in_use(self) {
        let proxy =
            self.proxy.or(self.proxy_upper_case).or(self.proxy_of_all).or(self.proxy_of_all_upper_case);
        let without = self.no_proxy.or(self.no_proxy_upper_case);
        Proxies::new(proxy.as_ref(), without.as_deref()).use_everywhere();
    }
}
