#include "fetch/tls.h"

#ifndef ZYPHOS_HAVE_OPENSSL

#include <stdexcept>

namespace zyphos::fetch {

struct Tls::Impl {};

std::string Tls::missing() { return "no TLS: built without libssl-dev"; }
Tls::Tls(const TlsOptions&, const std::string&, Waiter&) { throw std::runtime_error(missing()); }
Tls::~Tls() = default;
std::size_t Tls::tickets() const { return 0; }
std::expected<Tls::Opened, Errc> Tls::open(Fd, Session, ConstBytes, Time) {
  return std::unexpected(Errc::wrong_tls);
}

}  // namespace zyphos::fetch

#else

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>

#include <cerrno>
#include <deque>
#include <stdexcept>
#include <utility>

#include "net/clock.h"

namespace zyphos::fetch {
namespace {

// RFC 7301, 3.1: one protocol name with its length before it.
constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* held) const {
    Free(held);
  }
};
using Ssl = std::unique_ptr<SSL, Freer<SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Ticket = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;

// What OpenSSL says of its last failure, as one line.
std::string last_words() {
  const unsigned long code = ERR_peek_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown failure" : reason;
}

class TlsStream final : public Stream {
 public:
  TlsStream(Ssl ssl, Fd fd, Waiter& waiter)
      : ssl_(std::move(ssl)), fd_(std::move(fd)), waiter_(waiter) {}
  // Says goodbye (close_notify), without which OpenSSL takes the session for broken and its ticket
  // for worthless.
  ~TlsStream() override {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  SSL* get() const { return ssl_.get(); }
  Errc send(ConstBytes bytes, Time end) override;
  std::expected<std::size_t, Errc> receive(Bytes room, Time end) override;

  // Repeats `call`, which returns 1 when it is done, whenever the socket lets it go on.
  template <typename Call>
  Errc drive(Call call, Time end) {
    while (true) {
      ERR_clear_error();
      errno = 0;
      const int done = call();
      if (done > 0) return Errc::ok;
      const Errc error = wait_for(SSL_get_error(ssl_.get(), done), end);
      if (error != Errc::ok) return error;
    }
  }

 private:
  Errc wait_for(int wanted, Time end) {
    if (wanted == SSL_ERROR_WANT_READ) return waiter_.wait(fd_.get(), POLLIN, end);
    if (wanted == SSL_ERROR_WANT_WRITE) return waiter_.wait(fd_.get(), POLLOUT, end);
    if (wanted == SSL_ERROR_ZERO_RETURN) return Errc::truncated;
    if (wanted == SSL_ERROR_SYSCALL) return stream_error(errno);
    return Errc::tls_failed;
  }

  Ssl ssl_;
  Fd fd_;
  Waiter& waiter_;
};

Errc TlsStream::send(ConstBytes bytes, Time end) {
  std::size_t sent = 0;
  return drive([&] { return SSL_write_ex(get(), bytes.data(), bytes.size(), &sent); }, end);
}

std::expected<std::size_t, Errc> TlsStream::receive(Bytes room, Time end) {
  std::size_t came = 0;
  const Errc error =
      drive([&] { return SSL_read_ex(get(), room.data(), room.size(), &came); }, end);
  if (error == Errc::truncated) return 0;  // close_notify
  if (error != Errc::ok) return std::unexpected(error);
  return came;
}

}  // namespace

struct Tls::Impl {
  Impl(const TlsOptions& options, std::string host, Waiter& waits);

  Ssl connection(int fd);
  bool use_ticket(SSL* ssl, Session session);
  bool as_asked(SSL* ssl, Session session) const;
  static int keep_ticket(SSL* ssl, SSL_SESSION* ticket);

  SslContext context;
  std::string name;
  Waiter& waiter;
  int version;
  std::deque<Ticket> tickets;
};

Tls::Impl::Impl(const TlsOptions& options, std::string host, Waiter& waits)
    : context(SSL_CTX_new(TLS_client_method())),
      name(std::move(host)),
      waiter(waits),
      version(options.version == Version::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION) {
  SSL_CTX* held = context.get();
  if (held == nullptr) throw std::runtime_error("TLS: " + last_words());
  SSL_CTX_set_min_proto_version(held, version);
  SSL_CTX_set_max_proto_version(held, version);
  SSL_CTX_set_verify(held, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(held, options.authority.c_str(), nullptr) != 1) {
    throw std::runtime_error("authority=" + options.authority + ": " + last_words());
  }
  SSL_CTX_set_alpn_protos(held, kAlpn, sizeof kAlpn);
  SSL_CTX_set_session_cache_mode(held, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(held, this);
  SSL_CTX_sess_set_new_cb(held, keep_ticket);
}

// 1: the reference is ours.
int Tls::Impl::keep_ticket(SSL* ssl, SSL_SESSION* ticket) {
  auto* self = static_cast<Impl*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->tickets.emplace_back(ticket);
  return 1;
}

Ssl Tls::Impl::connection(int fd) {
  Ssl ssl(SSL_new(context.get()));
  if (ssl == nullptr) throw std::runtime_error("TLS: " + last_words());
  SSL_set_connect_state(ssl.get());
  SSL_set_fd(ssl.get(), fd);
  SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  SSL_set1_host(ssl.get(), name.c_str());
  return ssl;
}

// The newest: the oldest may have been forgotten by the server.
bool Tls::Impl::use_ticket(SSL* ssl, Session session) {
  if (tickets.empty()) return false;
  const Ticket ticket = std::move(tickets.back());
  tickets.pop_back();
  const bool takes_early = SSL_SESSION_get_max_early_data(ticket.get()) > 0;
  if (session == Session::early_data && !takes_early) return false;
  return SSL_set_session(ssl, ticket.get()) == 1;
}

bool Tls::Impl::as_asked(SSL* ssl, Session session) const {
  if (SSL_version(ssl) != version) return false;
  if ((SSL_session_reused(ssl) == 1) != (session != Session::fresh)) return false;
  return session != Session::early_data ||
         SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_ACCEPTED;
}

std::string Tls::missing() { return ""; }

Tls::Tls(const TlsOptions& options, const std::string& name, Waiter& waiter)
    : impl_(std::make_unique<Impl>(options, name, waiter)) {}

Tls::~Tls() = default;

std::size_t Tls::tickets() const { return impl_->tickets.size(); }

std::expected<Tls::Opened, Errc> Tls::open(Fd fd, Session session, ConstBytes early, Time end) {
  Ssl ssl = impl_->connection(fd.get());
  SSL* held = ssl.get();
  if (session != Session::fresh && !impl_->use_ticket(held, session)) {
    return std::unexpected(Errc::wrong_tls);
  }
  auto stream = std::make_unique<TlsStream>(std::move(ssl), std::move(fd), impl_->waiter);
  Opened opened;
  Errc error = Errc::ok;
  if (session == Session::early_data) {
    std::size_t sent = 0;
    error = stream->drive(
        [&] { return SSL_write_early_data(held, early.data(), early.size(), &sent); }, end);
    opened.early_sent = clock_now();
    opened.early = true;
  }
  if (error == Errc::ok) error = stream->drive([held] { return SSL_do_handshake(held); }, end);
  if (error != Errc::ok) return std::unexpected(error);
  if (!impl_->as_asked(held, session)) return std::unexpected(Errc::wrong_tls);
  opened.stream = std::move(stream);
  return opened;
}

}  // namespace zyphos::fetch

#endif
