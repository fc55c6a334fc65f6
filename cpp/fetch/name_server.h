// NameServer: a small DNS server on one UDP socket: a zone's answers, each after a delay if it is
// to be slow. It does not know TCP, recursion or other servers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "net/fd.h"
#include "net/socket.h"
#include "protocol/dns/zone.h"

namespace zyphos::fetch {

// Thread safety: one thread.
class NameServer {
 public:
  // Listens on `address` (port 0: a free one); `delay_ns` from a query to its answer.
  // std::system_error where it cannot.
  NameServer(const Address& address, dns::Zone zone, std::int64_t delay_ns);

  Address address() const { return local_address(fd_.get()); }
  // Until `stop_fd` is readable; answers that are not due yet are not sent then.
  void run(int stop_fd);

 private:
  struct Due {
    Time time;
    SocketAddress peer;
    std::vector<std::byte> answer;
  };

  void take();
  void send_due();

  dns::Zone zone_;
  std::int64_t delay_ns_;
  Fd fd_;
  std::deque<Due> due_;  // one delay for all: the order of the queries is that of the answers
};

}  // namespace zyphos::fetch
