// SPDX-License-Identifier: MIT
#include "net/introduction.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/format.hpp"
#include "net/greeting.hpp"
#include "net/secure_connection.hpp"
#include "net/tls.hpp"
#include "wire/codec.hpp"

namespace coord::net {

namespace {

constexpr std::size_t question_queue = std::size_t{16} << 10U;

class Asking {
 public:
  Asking(const KeyRing& keys, const Address& address, const wire::IntroductionQuestion& question)
      : address_(address),
        question_(question),
        tls_(std::make_shared<TlsSettings>(introduction_name, std::set<std::string>{}, keys)),
        resolver_(io_),
        socket_(io_) {}
  ~Asking() {
    if (connection_) connection_->close();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  Result<wire::Introduction> ask(Duration patience) {
    resolver_.async_resolve(address_.host, std::to_string(address_.port),
                            [this](const auto& error, const auto& there) {
                              if (error) return fail(ErrorKind::unavailable, error.message());
                              connect(there);
                            });
    io_.run_for(std::chrono::duration_cast<std::chrono::milliseconds>(patience));
    if (answer_) return *answer_;
    if (error_) return *error_;
    return Error{ErrorKind::unavailable, address_.text(), "no answer in time", ""};
  }

 private:
  void connect(const boost::asio::ip::tcp::resolver::results_type& there) {
    boost::asio::async_connect(socket_, there, [this](const auto& error, const auto&) {
      if (error) return fail(ErrorKind::unavailable, fmt::format("cannot connect: {}", error.message()));
      secure();
    });
  }

  void secure() {
    set_peer_options(socket_);
    connection_ = std::make_shared<SecureConnection>(std::move(socket_), tls_, Side::initiator,
                                                     introduction_name, question_queue);
    connection_->set_payload_limit(wire::stream_payload_limit);
    connection_->start({
        .secured =
            [this] {
              secured_ = true;
              connection_->send(wire::FrameType::introduction, wire::encode(question_, hello_version),
                                hello_version);
            },
        .frame = [this](wire::Frame&& frame) { take(frame); },
        .closed =
            [this](const std::string& why) {
              fail(secured_ ? ErrorKind::unavailable : ErrorKind::data, why);
            },
    });
  }

  void take(const wire::Frame& frame) {
    wire::DecodeOptions options = frame.decode_options();
    options.newer_sender = true;
    if (frame.type != wire::FrameType::introduction) return fail(ErrorKind::data, "it answers otherwise");
    auto answer = wire::decode<wire::Introduction>(frame.payload, options);
    if (!answer) return fail(ErrorKind::data, answer.error().what);
    answer_ = std::move(*answer);
    io_.stop();
  }

  void fail(ErrorKind kind, const std::string& why) {
    error_ = Error{kind, address_.text(), why, ""};
    io_.stop();
  }

  boost::asio::io_context io_{1};
  const Address address_;
  const wire::IntroductionQuestion question_;
  std::shared_ptr<TlsSettings> tls_;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<SecureConnection> connection_;
  bool secured_ = false;
  std::optional<wire::Introduction> answer_;
  std::optional<Error> error_;
};

}  // namespace

Result<wire::Introduction> ask_introduction(const KeyRing& keys, const Address& address,
                                            const wire::IntroductionQuestion& question, Duration patience) {
  return Asking(keys, address, question).ask(patience);
}

}  // namespace coord::net
