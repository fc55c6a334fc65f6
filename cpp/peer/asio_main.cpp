// zyphos-peer-asio ADDRESS PORT: hello over HTTP/1.1 on Boost.Asio, as one writes it who knows the
// library and wants it fast: one thread and no locks (its own hint for that), no type-erased
// executor, an answer is sent at once where the socket takes it, and all requests of a read are
// answered by one send. First line on stdout: `listening ADDRESS:PORT`; a signal ends it. Exit 1:
// it could not be set up; 2: usage.
#include <array>
#include <chrono>
#include <ctime>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio.hpp>  // after <utility>: Boost 1.74 forgets it

#include "peer/hello.h"
#include "peer/words.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using zyphos::peer::Hello;

using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

// It lives as long as one of its operations is under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, const Hello& hello) : socket_(std::move(socket)), hello_(hello) {}

  void start() {
    error_code ignored;
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.non_blocking(true, ignored);
    read();
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(in_.data() + held_, in_.size() - held_),
                            [self = shared_from_this()](error_code error, std::size_t count) {
                              if (!error) self->received(count);
                            });
  }

  void received(std::size_t count) {
    held_ += count;
    out_.clear();
    const Hello::Step step = hello_.answer({in_.data(), held_}, out_);
    held_ -= step.consumed;
    if (held_ != 0) std::char_traits<char>::move(in_.data(), in_.data() + step.consumed, held_);
    close_ = step.close;
    error_code error;
    const std::size_t sent = out_.empty() ? 0 : socket_.write_some(asio::buffer(out_), error);
    if (error && error != asio::error::would_block) return;
    sent == out_.size() ? written() : write_from(sent);
  }

  void write_from(std::size_t sent) {
    asio::async_write(socket_, asio::buffer(out_.data() + sent, out_.size() - sent),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (!error) self->written();
                      });
  }

  void written() {
    if (!close_) return read();
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    discard();
  }

  // Until the peer closes too: unread input would make a reset of the close, and eat the answer.
  void discard() {
    socket_.async_read_some(asio::buffer(in_),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->discard();
                            });
  }

  Socket socket_;
  const Hello& hello_;
  std::array<char, zyphos::peer::kHeadBytes_max + zyphos::peer::kBodyBytes_max> in_;
  std::size_t held_ = 0;
  std::string out_;
  bool close_ = false;
};

class Server {
 public:
  explicit Server(const tcp::endpoint& where) : acceptor_(context_, where), date_(context_) {}

  std::string where() const {
    const tcp::endpoint end = acceptor_.local_endpoint();
    return zyphos::peer::place(end.address().to_string(), end.port());
  }

  void run() {
    accept();
    keep_date();
    context_.run();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, Socket socket) {
      paused_ = error == asio::error::no_descriptors;
      if (!error) std::make_shared<Session>(std::move(socket), hello_)->start();
      if (!paused_) accept();
    });
  }

  void keep_date() {
    hello_.set_date(std::time(nullptr));
    if (std::exchange(paused_, false)) accept();
    date_.expires_after(std::chrono::seconds(1));
    date_.async_wait([this](error_code) { keep_date(); });
  }

  asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  Acceptor acceptor_;
  Timer date_;
  Hello hello_{std::time(nullptr)};
  bool paused_ = false;  // no descriptor left: the next second accepts again
};

}  // namespace

int main(int argc, char** argv) {
  const auto asked = zyphos::peer::read_words(argc, argv, "zyphos-peer-asio");
  if (!asked) return 2;
  try {
    Server server({asio::ip::make_address(asked->address), asked->port});
    std::cout << "listening " << server.where() << std::endl;
    server.run();
  } catch (const std::exception& error) {
    std::cerr << "zyphos-peer-asio: " << error.what() << '\n';
  }
  return 1;
}
