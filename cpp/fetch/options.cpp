#include "fetch/options.h"

#include "base/address.h"
#include "fetch/tls.h"
#include "protocol/dns/message.h"

namespace zyphos::fetch {
namespace {

std::string tls_complaint(const TlsOptions& tls) {
  if (tls.version == Version::none) {
    return tls.session == Session::fresh ? "" : "session: without TLS there is none";
  }
  if (tls.session == Session::early_data && tls.version != Version::tls1_3) {
    return "session=early_data needs tls=1.3";
  }
  if (tls.authority.empty()) return "tls needs authority=FILE, to tell whom to trust";
  return Tls::missing();
}

}  // namespace

std::string complaint(const FetchOptions& options) {
  if (options.name.empty()) return "name= is missing: what to fetch from";
  if (!dns::valid_name(options.name)) return "name=" + options.name + ": not a host name";
  if (!options.path.starts_with('/') || options.path.find_first_of(" \r\n") != std::string::npos) {
    return "path=" + options.path + ": must begin with / and have no blanks";
  }
  const auto resolver = Address::parse(options.resolver_address, options.resolver_port);
  if (!resolver) return "resolver.address: " + resolver.error();
  return tls_complaint(options.tls);
}

}  // namespace zyphos::fetch
