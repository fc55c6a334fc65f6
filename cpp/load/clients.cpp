#include "load/clients.h"

#include "base/address.h"
#include "protocol/echo/client.h"
#include "protocol/http1/client.h"

namespace zyphos {
namespace {

std::unique_ptr<Client> make_echo(const LoadOptions& options) {
  const auto pattern = echo::write_pattern(options.write_pattern);
  return std::make_unique<echo::EchoClient>(
      echo::ClientOptions{.message_bytes = options.message_bytes,
                          .response_bytes = options.response_bytes,
                          .write_pattern = pattern.value_or(echo::WritePattern::one),
                          .pipeline = options.pipeline,
                          .in_place = options.send_call == SendCall::zerocopy});
}

}  // namespace

Clients::Clients(const LoadOptions& options)
    : options_(options), has_status_(options.protocol == "http1") {
  for (const RequestOptions& listed : options_.requests) asks_.push_back(ask(options_, listed));
  if (asks_.empty()) {
    asks_.push_back(ask(options_, {.method = options_.method,
                                   .path = options_.path,
                                   .headers = {},
                                   .body = options_.body,
                                   .body_bytes = options_.body_bytes,
                                   .check = {}}));
  }
}

std::unique_ptr<Clients::Ask> Clients::ask(const LoadOptions& load, const RequestOptions& options) {
  auto out = std::make_unique<Ask>();
  out->options = options;
  out->check = options.check.given() ? options.check : load.check;
  // A Host without the port where it is the default one (RFC 9110, 7.2).
  out->authority = load.address;
  if (load.address.find(':') != std::string::npos) out->authority = "[" + load.address + "]";
  if (load.port != 80) out->authority += ":" + std::to_string(load.port);
  out->body = options.body;
  for (std::size_t i = out->body.size(); i < options.body_bytes; ++i) {
    out->body.push_back(static_cast<char>('a' + i % 26));
  }
  for (const auto& [name, value] : load.headers) out->headers.push_back({name, value});
  for (const auto& [name, value] : out->options.headers) out->headers.push_back({name, value});
  out->request = {.method = out->options.method,
                  .target = out->options.path,
                  .authority = out->authority,
                  .headers = out->headers,
                  .body = as_bytes(out->body)};
  if (out->check.body) out->request.expected_body = as_bytes(*out->check.body);
  return out;
}

std::unique_ptr<Client> Clients::make() const {
  if (options_.protocol == "echo") return make_echo(options_);
  return std::make_unique<http1::Http1Client>(options_.pipeline);
}

}  // namespace zyphos
