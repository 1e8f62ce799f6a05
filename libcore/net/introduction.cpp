// SPDX-License-Identifier: MIT
#include "net/introduction.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/format.hpp"
#include "net/greeting.hpp"
#include "net/name_lookups.hpp"
#include "net/secure_connection.hpp"
#include "net/tls.hpp"
#include "wire/codec.hpp"

namespace coord::net {

namespace {

constexpr std::size_t question_queue = std::size_t{16} << 10U;

// One address is asked, on the io_context's thread. `told` comes once, or never.
class Asking {
 public:
  using Told = std::function<void(Result<wire::Introduction>&&)>;

  Asking(boost::asio::io_context& io, const KeyRing& keys, Address address,
         const wire::IntroductionQuestion& question, Told told)
      : address_(std::move(address)),
        question_(question),
        tls_(std::make_shared<TlsSettings>(introduction_name, std::set<std::string>{}, keys)),
        lookup_(io),
        socket_(io),
        told_(std::move(told)) {}
  ~Asking() {
    told_ = nullptr;
    if (connection_) connection_->close();
  }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;

  void start() {
    lookup_.find(address_.host, [this](const NameLookup::Found& found) {
      if (!found) return fail(ErrorKind::unavailable, found.error().what);
      for (const auto& there : *found) there_.emplace_back(there, address_.port);
      connect();
    });
  }

 private:
  void connect() {
    boost::asio::async_connect(socket_, there_, [this](const auto& error, const auto&) {
      if (error == boost::asio::error::operation_aborted) return;
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
    tell(std::move(*answer));
  }

  void fail(ErrorKind kind, const std::string& why) { tell(Error{kind, address_.text(), why, ""}); }

  void tell(Result<wire::Introduction>&& what) {
    if (const Told told = std::exchange(told_, nullptr)) told(std::move(what));
  }

  const Address address_;
  const wire::IntroductionQuestion question_;
  std::shared_ptr<TlsSettings> tls_;
  NameLookup lookup_;
  std::vector<boost::asio::ip::tcp::endpoint> there_;
  boost::asio::ip::tcp::socket socket_;
  std::shared_ptr<SecureConnection> connection_;
  bool secured_ = false;
  Told told_;
};

}  // namespace

Result<IntroducedBy> ask_introduction_of_any(const KeyRing& keys, const std::vector<Address>& addresses,
                                             const wire::IntroductionQuestion& question, Duration patience) {
  boost::asio::io_context io(1);
  const auto names_are_looked_up = boost::asio::make_work_guard(io);
  std::optional<IntroducedBy> answer;  // the first that introduces, or one that says why it does not
  std::optional<Error> error;
  std::vector<std::unique_ptr<Asking>> asking;
  std::size_t silent = addresses.size();
  for (const Address& address : addresses) {
    asking.push_back(std::make_unique<Asking>(io, keys, address, question,
                                              [&, address](Result<wire::Introduction>&& said) {
                                                --silent;
                                                if (!said) {
                                                  error = said.error();
                                                } else if (!answer || !answer->second.why_not.empty()) {
                                                  answer.emplace(address, std::move(*said));
                                                }
                                                if (silent == 0 || (answer && answer->second.why_not.empty()))
                                                  io.stop();
                                              }));
  }
  for (const auto& each : asking) each->start();
  if (!asking.empty()) io.run_for(std::chrono::duration_cast<std::chrono::milliseconds>(patience));
  if (answer) return *std::move(answer);
  if (error) return *error;
  return Error{ErrorKind::unavailable, addresses.empty() ? "join" : addresses.front().text(),
               "no answer in time", ""};
}

void tell_introduction(const KeyRing& keys, const std::vector<Address>& addresses,
                       const wire::IntroductionQuestion& question, Duration patience) {
  boost::asio::io_context io(1);
  const auto names_are_looked_up = boost::asio::make_work_guard(io);
  std::vector<std::unique_ptr<Asking>> asking;
  std::size_t silent = addresses.size();
  for (const Address& address : addresses) {
    asking.push_back(std::make_unique<Asking>(io, keys, address, question, [&](Result<wire::Introduction>&&) {
      if (--silent == 0) io.stop();
    }));
  }
  for (const auto& each : asking) each->start();
  if (!asking.empty()) io.run_for(std::chrono::duration_cast<std::chrono::milliseconds>(patience));
}

Result<wire::Introduction> ask_introduction(const KeyRing& keys, const Address& address,
                                            const wire::IntroductionQuestion& question, Duration patience) {
  auto answer = ask_introduction_of_any(keys, {address}, question, patience);
  if (!answer) return answer.error();
  return std::move(answer->second);
}

}  // namespace coord::net
