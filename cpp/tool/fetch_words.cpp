#include "tool/fetch_words.h"

#include <array>
#include <utility>

namespace zyphos {
namespace {

// One of the names, each of which stands for a value.
template <typename T, std::size_t N>
void named(Words& words, std::string key, std::string help, T& out,
           std::array<std::pair<std::string_view, T>, N> names) {
  words.add(std::move(key), std::move(help),
            [&out, names](std::string_view value) -> Words::Result {
              std::string message = "must be one of";
              for (const auto& [name, meant] : names) {
                message += " " + std::string(name);
                if (name != value) continue;
                out = meant;
                return {};
              }
              return std::unexpected(message);
            });
}

using fetch::Session;
using fetch::Version;
using Versions = std::array<std::pair<std::string_view, Version>, 3>;
using Sessions = std::array<std::pair<std::string_view, Session>, 3>;
using Switch = std::array<std::pair<std::string_view, bool>, 2>;

void url_words(Words& words, fetch::FetchOptions& fetch) {
  words.text("name", "of the URL's host: looked up, and sent", fetch.name);
  words.number("port", "of the URL", fetch.port, std::uint16_t{1});
  words.text("path", "of the URL", fetch.path);
  words.text("resolver.address", "the name server to ask (IPv4 or IPv6)", fetch.resolver_address);
  words.number("resolver.port", "its UDP port", fetch.resolver_port, std::uint16_t{1});
  words.number("resolver.timeout_ns", "it is asked again after so long", fetch.resolver_timeout_ns,
               std::int64_t{1});
  words.flag("ipv6", "AAAA in place of A", fetch.ipv6);
  named(words, "dns", "cold: each fetch asks; cached: as long as an answer lives", fetch.dns_cached,
        Switch{{{"cold", false}, {"cached", true}}});
  named(words, "connection", "new: one for each fetch; reuse: as long as it lasts", fetch.reuse,
        Switch{{{"new", false}, {"reuse", true}}});
  words.number("check.status", "the only good status; else any 2xx", fetch.check.status,
               std::uint16_t{100});
  words.number("check.body_bytes", "the only good size of a body", fetch.check.body_bytes,
               std::uint64_t{0});
}

void tls_words(Words& words, fetch::TlsOptions& tls) {
  named(words, "tls", "none, 1.2 or 1.3, and no other", tls.version,
        Versions{{{"none", Version::none}, {"1.2", Version::tls1_2}, {"1.3", Version::tls1_3}}});
  named(words, "session", "new: a whole handshake; resumed; early_data: with the request in it",
        tls.session,
        Sessions{{{"new", Session::fresh},
                  {"resumed", Session::resumed},
                  {"early_data", Session::early_data}}});
  words.text("authority", "file (PEM) of those whose certificates are trusted", tls.authority);
}

void time_words(Words& words, fetch::FetchOptions& fetch) {
  words.number("think_ns", "from an answer to the next fetch", fetch.think_ns, std::int64_t{0});
  words.number("warmup_ns", "fetches before the window", fetch.warmup_ns, std::int64_t{0});
  words.number("window_ns", "the measured window", fetch.window_ns, std::int64_t{1});
  words.number("interval_ns", "latencies per interval; 0: one interval", fetch.interval_ns,
               std::int64_t{0});
  words.number("deadline_ns", "of a fetch, from its start", fetch.deadline_ns, std::int64_t{1});
}

}  // namespace

Words fetch_words(FetchSetting& setting) {
  Words words;
  url_words(words, setting.fetch);
  tls_words(words, setting.fetch.tls);
  time_words(words, setting.fetch);
  words.number("seed", "of the queries' numbers", setting.fetch.seed, std::uint64_t{0});
  words.number("board_fd", "descriptor of a shared board", setting.board_fd, 0);
  words.flag("parent_death", "end when the parent process does", setting.parent_death);
  words.flag("hold", "after the result stay until stdin ends", setting.hold);
  return words;
}

}  // namespace zyphos
