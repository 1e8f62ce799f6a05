// SPDX-License-Identifier: MIT
#include "net/introduction.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

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

// What those who ask for one caller have been told; they may outlive its patience.
struct Told {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t asking = 0;
  std::optional<IntroducedBy> answer;  // the first that introduces, or one that says why it does not
  std::optional<Error> error;

  void take(const Address& from, Result<wire::Introduction>&& said) {
    const std::lock_guard lock(mutex);
    --asking;
    if (!said) {
      error = said.error();
    } else if (!answer || !answer->second.why_not.empty()) {
      answer.emplace(from, std::move(*said));
    }
    changed.notify_all();
  }
  bool is_over() const { return asking == 0 || (answer && answer->second.why_not.empty()); }
};

}  // namespace

Result<IntroducedBy> ask_introduction_of_any(const KeyRing& keys, const std::vector<Address>& addresses,
                                             const wire::IntroductionQuestion& question, Duration patience) {
  const auto told = std::make_shared<Told>();
  told->asking = addresses.size();
  for (const Address& address : addresses) {
    std::thread([told, keys, address, question, patience] {
      Asking asking(keys, address, question);
      told->take(address, asking.ask(patience));
    }).detach();
  }
  std::unique_lock lock(told->mutex);
  told->changed.wait_for(lock, patience, [&] { return told->is_over(); });
  if (told->answer) return *told->answer;
  if (told->error) return *told->error;
  return Error{ErrorKind::unavailable, addresses.empty() ? "join" : addresses.front().text(),
               "no answer in time", ""};
}

Result<wire::Introduction> ask_introduction(const KeyRing& keys, const Address& address,
                                            const wire::IntroductionQuestion& question, Duration patience) {
  auto answer = ask_introduction_of_any(keys, {address}, question, patience);
  if (!answer) return answer.error();
  return std::move(answer->second);
}

}  // namespace coord::net
