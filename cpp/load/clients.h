// Clients: what the generator asks for and what a good answer is; makes the Client of each
// connection. The only file that knows which protocols there are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "load/options.h"
#include "protocol/client.h"

namespace zyphos {

// Thread safety: const calls from any thread. Outlives the clients it makes: they refer to its
// requests.
class Clients {
 public:
  explicit Clients(const LoadOptions& options);
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  std::unique_ptr<Client> make() const;
  // `entry` is a position in options.requests, or 0 where there is no list.
  const Request& request(std::uint32_t entry) const { return asks_[entry]->request; }
  // ok: a good answer.
  Errc verdict(const Completion& completion, std::uint32_t entry) const {
    if (completion.error != Errc::ok) return completion.error;
    const CheckOptions& check = asks_[entry]->check;
    if (has_status_ && !good_status(completion.status, check)) return Errc::wrong_status;
    if (!completion.body_expected) return Errc::wrong_body;
    if (check.body_bytes && *check.body_bytes != completion.body_bytes) return Errc::wrong_body;
    return Errc::ok;
  }

 private:
  // A request and all that it refers to.
  struct Ask {
    RequestOptions options;
    CheckOptions check;
    std::string authority;
    std::string body;
    std::vector<Header> headers;
    Request request;
  };

  static std::unique_ptr<Ask> ask(const LoadOptions& load, const RequestOptions& options);
  static bool good_status(std::uint16_t status, const CheckOptions& check) {
    return check.status ? status == *check.status : status >= 200 && status < 300;
  }

  LoadOptions options_;
  bool has_status_;
  std::vector<std::unique_ptr<Ask>> asks_;
};

}  // namespace zyphos
