// A TUN interface in a network namespace: what the namespace sends there, this process reads, one
// IP packet at a time; what it writes, the namespace receives. Knows nothing of what lies between.
//
// Rights: CAP_NET_ADMIN in the namespace and CAP_SYS_ADMIN to enter it; /dev/net/tun. Without them
// opening one throws with the reason and the cure.
#pragma once

#include <cstddef>
#include <string>

#include "base/bytes.h"
#include "net/fd.h"

namespace zyphos::link {

struct TunOptions {
  std::string netns;  // path (/run/netns/x, /proc/1/ns/net); empty: the caller's own
  std::string name;   // of the interface, at most 15 characters
  int mtu = 1500;
  int tx_queue_packets = 1000;  // that wait in the kernel to be read; beyond it drops
};

// Thread safety: none for one Tun; its maker's thread is in the other namespace while it is made.
class Tun {
 public:
  // The interface is not up and has no address; no IPv6 link-local address will be generated, so
  // nothing is sent there unasked. It goes with the object. std::system_error.
  explicit Tun(const TunOptions& options);

  // Never blocks. Readable when a packet waits; in error when the interface is gone.
  int fd() const { return fd_.get(); }
  const std::string& name() const { return name_; }

  // The next packet's length; 0: none waits; -1: the interface is gone (errno says how). What is
  // longer than `into` is cut.
  long read(Bytes into) const;
  // Did the namespace take it? It does not while the interface is down or when it is no IP packet.
  bool write(ConstBytes packet) const;

 private:
  Fd fd_;
  std::string name_;
};

}  // namespace zyphos::link
