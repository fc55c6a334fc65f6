// What a fetcher is told. Names are those of the command line (cpp/tool/fetch_words.cpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "load/options.h"

namespace zyphos::fetch {

enum class Version : std::uint8_t { none, tls1_2, tls1_3 };

// How a TLS connection begins.
enum class Session : std::uint8_t {
  fresh,       // a whole handshake
  resumed,     // with a ticket of an earlier connection
  early_data,  // and the request goes with the first flight (0-RTT; RFC 8446, 2.3)
};

struct TlsOptions {
  Version version = Version::none;
  Session session = Session::fresh;
  std::string authority;  // file (PEM) of the authorities that a certificate may come from
};

struct FetchOptions {
  std::string name;  // the URL's: looked up, sent as Host and SNI, and on the certificate
  std::uint16_t port = 80;
  std::string path = "/";
  std::string resolver_address = "127.0.0.1";
  std::uint16_t resolver_port = 53;
  std::int64_t resolver_timeout_ns = kSecond_ns;  // then it is asked again
  bool ipv6 = false;                              // AAAA in place of A
  bool dns_cached = false;  // an answer serves until its TTL ends; else each fetch asks
  bool reuse = false;       // a connection serves as long as it lasts; else each fetch makes one
  TlsOptions tls;
  CheckOptions check;  // status and body_bytes alone
  std::int64_t think_ns = 0;
  std::int64_t warmup_ns = 100 * kMillisecond_ns;
  std::int64_t window_ns = kSecond_ns;
  std::int64_t interval_ns = 0;  // 0: the whole window is one interval
  std::int64_t deadline_ns = 10 * kSecond_ns;
  std::uint64_t seed = 1;
};

// Empty: fine. Else one line, what does not go together.
std::string complaint(const FetchOptions& options);

}  // namespace zyphos::fetch
