// SPDX-License-Identifier: MIT
#include "net/peer_link.hpp"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <utility>

#include "base/check.hpp"
#include "base/format.hpp"
#include "net/steady_now.hpp"

namespace coord::net {

using boost::asio::ip::tcp;

PeerLink::PeerLink(boost::asio::io_context& io, std::shared_ptr<TlsSettings> tls, const Greeting& greeting,
                   std::string peer, Address address, PeerTimes times, std::size_t queue_limit, Random random,
                   Handlers handlers, Log log)
    : io_(io),
      tls_(std::move(tls)),
      greeting_(greeting),
      peer_(std::move(peer)),
      address_(std::move(address)),
      times_(times),
      queue_limit_(queue_limit),
      random_(random),
      handlers_(std::move(handlers)),
      log_(std::move(log)),
      backoff_(times.backoff_low),
      timer_(io),
      resolver_(io),
      look_timer_(io) {}

void PeerLink::start() {
  COORD_CHECK(state_ == State::stopped);
  status_.since = steady_now();
  dial();
}

void PeerLink::stop() {
  drop_attempt();
  state_ = State::stopped;
  look_timer_.cancel();
  if (standing_ != nullptr) standing_->close();
  standing_.reset();
}

void PeerLink::drop_attempt() {
  ++attempt_;
  timer_.cancel();
  resolver_.cancel();
  socket_.reset();
  if (connection_ != nullptr) connection_->close();
  connection_.reset();
}

// `then` runs after `delay`, unless something else was armed, or another attempt began, in between.
void PeerLink::arm(Duration delay, void (PeerLink::*then)()) {
  timer_.expires_after(delay);
  timer_.async_wait([self = shared_from_this(), attempt = attempt_, then](const auto& error) {
    if (!error && self->attempt_ == attempt) (self.get()->*then)();
  });
}

Duration PeerLink::answer_within() const {
  const Duration patience = times_.answer_within;
  if (status_.rtt) return std::max(patience, 3 * *status_.rtt);
  return std::min(times_.establish, patience * (1U << std::min(unanswered_, 4U)));
}

void PeerLink::dial() {
  drop_attempt();
  state_ = State::dialing;
  dialed_at_ = steady_now();
  look_on();
  const std::uint64_t attempt = attempt_;
  timer_.expires_after(times_.establish);
  timer_.async_wait([self = shared_from_this(), attempt](const auto& error) {
    if (!error && self->attempt_ == attempt && self->state_ != State::up) self->fail("no answer in time");
  });
  boost::system::error_code not_numeric;
  const auto numeric = boost::asio::ip::make_address(address_.host, not_numeric);
  if (!not_numeric) return connect(attempt, {tcp::endpoint(numeric, address_.port)});
  if (!endpoints_.empty() && dialed_at_ - resolved_at_ < times_.resolve_every)
    return connect(attempt, endpoints_);
  resolver_.async_resolve(
      address_.host, std::to_string(address_.port),
      [self = shared_from_this(), attempt](const auto& error, const auto& results) {
        if (self->attempt_ != attempt) return;
        if (error || results.empty())
          return self->fail(fmt::format("its name does not resolve: {}", error.message()));
        self->endpoints_.clear();
        for (const auto& result : results) self->endpoints_.push_back(result.endpoint());
        self->resolved_at_ = steady_now();
        self->connect(attempt, self->endpoints_);
      });
}

void PeerLink::connect(std::uint64_t attempt, const std::vector<tcp::endpoint>& endpoints) {
  tell_where(endpoints);
  socket_.emplace(io_);
  boost::asio::async_connect(
      *socket_, endpoints,
      [self = shared_from_this(), attempt, endpoints](const auto& error, const auto& there) {
        if (self->attempt_ != attempt) return;
        self->unanswered_ = 0;
        if (error) return self->fail(fmt::format("cannot connect: {}", error.message()));
        self->reached_ = there.address();
        self->tell_where(endpoints);
        self->secure();
      });
}

void PeerLink::tell_where(const std::vector<tcp::endpoint>& endpoints) {
  std::vector<boost::asio::ip::address> addresses;
  for (const auto& endpoint : endpoints) addresses.push_back(endpoint.address());
  std::stable_partition(addresses.begin(), addresses.end(),
                        [&](const auto& address) { return address == reached_; });
  handlers_.located(peer_, addresses);
}

void PeerLink::secure() {
  state_ = State::securing;
  set_peer_options(*socket_);
  connection_ =
      std::make_shared<SecureConnection>(std::move(*socket_), tls_, Side::initiator, peer_, queue_limit_);
  socket_.reset();
  connection_->start({
      .secured =
          [this] {
            // The other side ends the connection before when it hears the hello of the next.
            if (standing_ != nullptr && !standing_->is_silent(times_.answer_within)) return stand_again();
            state_ = State::greeting;
            greeted_with_ = greeting_.level;
            connection_->send(wire::FrameType::hello, greeting_.hello_to(peer_), hello_version);
          },
      .frame = [this](wire::Frame&& frame) { on_frame(std::move(frame)); },
      .closed = [this](const std::string& why) { fail(why); },
  });
}

void PeerLink::on_frame(wire::Frame&& frame) {
  if (state_ == State::greeting && frame.type == wire::FrameType::hello) return on_hello(frame);
  if (state_ == State::up && frame.type == wire::FrameType::pong) return on_pong(frame.payload);
  fail("it sent an unexpected frame");
}

void PeerLink::on_hello(const wire::Frame& frame) {
  const auto hello = greeting_.check(frame, peer_);
  if (!hello.ok()) return fail(hello.error().what);
  state_ = State::up;
  if (standing_ != nullptr) standing_->close();
  standing_.reset();
  is_taken_ = false;
  ping_sent_.reset();
  progress_seen_ = connection_->write_progress();
  progress_at_ = steady_now();
  status_.up = true;
  status_.since = progress_at_;
  status_.software = hello->software;
  status_.level = hello->version;
  status_.knows = std::max(hello->knows, hello->version);
  watch();
  handlers_.up(peer_, *hello);
}

void PeerLink::on_pong(ByteView payload) {
  ByteReader in(payload);
  if (in.get<std::uint64_t>() != ping_number_ || in.failed() || !ping_sent_) return;
  const Duration sample = steady_now() - *ping_sent_;
  status_.rtt = status_.rtt ? *status_.rtt + (sample - *status_.rtt) / 8 : sample;
  ping_sent_.reset();
  // Else each ping would wake this process twice.
  if (looks_ && connection_->is_all_acknowledged()) look_timer_.cancel();
  if (!std::exchange(is_taken_, true)) taken();
}

// Who refuses has answered the hello before it says so: only a pong tells that the other side has taken
// this one's.
void PeerLink::taken() {
  status_.answers = true;
  backoff_ = times_.backoff_low;
  told_.clear();
  log_(LogLevel::info, fmt::format("peer {}: connected to {}", peer_, address_.text()));
}

// While up: gives the link up when a pong is late or a write stands still, pings when there is room.
void PeerLink::watch() {
  const Instant now = steady_now();
  if (connection_->write_progress() != progress_seen_ || !connection_->is_writing()) {
    progress_seen_ = connection_->write_progress();
    progress_at_ = now;
  }
  if (now - progress_at_ > times_.pong_within) return fail("it takes nothing any more");
  if (ping_sent_ && now - *ping_sent_ > times_.pong_within) return fail("it does not answer any more");
  if (!ping_sent_ && !connection_->is_writing()) {
    ByteWriter number;
    number.put(++ping_number_);
    if (connection_->send(wire::FrameType::ping, number.bytes())) ping_sent_ = now;
    look_on();
  }
  Duration next = pings_seldom_ ? 2 * times_.ping_every : times_.ping_every;
  constexpr Duration just_after = std::chrono::milliseconds(1);
  if (ping_sent_) next = std::min(next, *ping_sent_ + times_.pong_within + just_after - now);
  arm(next, &PeerLink::watch);
}

void PeerLink::greet_anew() {
  if (state_ == State::stopped) return;
  const bool was_up = status_.up;
  if (standing_ != nullptr) standing_->close();
  standing_.reset();
  if (was_up) {
    status_.up = status_.answers = false;
    status_.since = steady_now();
    handlers_.down(peer_);
  }
  // What has not greeted yet will do so with the new one.
  if (state_ != State::dialing && state_ != State::securing && state_ != State::stopped) dial();
}

bool PeerLink::send(ByteView message, Level version, wire::FrameType type) {
  if (message.size() > wire::stream_payload_limit) {
    // A bug of whoever made it; the others go on.
    tell_once(fmt::format("a message of {} bytes is too large to send", message.size()));
    ++status_.dropped;
    return false;
  }
  SecureConnection* const way = state_ == State::up ? connection_.get() : standing_.get();
  const bool sent = way != nullptr && version <= greeted_with_ && way->send(type, message, version);
  ++(sent ? status_.sent : status_.dropped);
  if (sent) look_on();
  return sent;
}

void PeerLink::hurry() {
  // That something of it arrives does not say that it is taken now.
  if (state_ == State::waiting && is_refused_) return;
  const Duration patience =
      status_.rtt ? std::max<Duration>(times_.look_every, 2 * *status_.rtt) : times_.answer_within;
  if (state_ == State::waiting || (state_ == State::dialing && steady_now() - dialed_at_ > patience)) {
    backoff_ = times_.backoff_low;
    dial();
  } else if (state_ == State::up && connection_->is_silent(times_.answer_within)) {
    stand_by();
  }
}

// Now and then, as long as there is something to wait for: whether what is there still speaks. A link on
// which all has arrived costs nothing.
void PeerLink::look_on() {
  if (std::exchange(looks_, true)) return;
  look_timer_.expires_after(times_.look_every);
  look_timer_.async_wait([self = shared_from_this()](const auto& error) {
    self->looks_ = false;
    if (self->state_ == State::stopped) return;
    if (!error) self->look();
    const bool rests = self->state_ == State::stopped || self->state_ == State::waiting ||
                       (self->state_ == State::up && self->connection_->is_all_acknowledged());
    if (self->standing_ != nullptr || !rests) self->look_on();
  });
}

void PeerLink::look() {
  const Duration patience = times_.answer_within;
  if (standing_ != nullptr && state_ != State::greeting && !standing_->is_silent(patience)) {
    stand_again();
  } else if (state_ == State::dialing && socket_ && steady_now() - dialed_at_ > answer_within()) {
    ++unanswered_;
    fail("no answer in time");
  } else if (state_ == State::up && connection_->is_silent(patience)) {
    stand_by();
  } else if ((state_ == State::securing || state_ == State::greeting) && connection_->is_silent(patience)) {
    fail("no answer in time");
  }
}

// What is up is silent: a new connection is made beside it.
void PeerLink::stand_by() {
  standing_ = std::exchange(connection_, nullptr);
  ping_sent_.reset();
  standing_->set_handlers({.secured = [] {},
                           .frame = [](wire::Frame&&) {},
                           .closed = [this](const std::string& why) { standing_gone(why); }});
  dial();
}

// It speaks again, before the attempt beside it came to anything.
void PeerLink::stand_again() {
  drop_attempt();
  connection_ = std::exchange(standing_, nullptr);
  connection_->set_handlers({.secured = [] {},
                             .frame = [this](wire::Frame&& frame) { on_frame(std::move(frame)); },
                             .closed = [this](const std::string& why) { fail(why); }});
  state_ = State::up;
  progress_seen_ = connection_->write_progress();
  progress_at_ = steady_now();
  look_on();
  watch();
}

void PeerLink::standing_gone(const std::string& why) {
  standing_.reset();
  status_.up = status_.answers = false;
  status_.since = steady_now();
  tell_once(fmt::format("connection lost: {}", why));
  handlers_.down(peer_);
}

void PeerLink::drop_keys(const std::set<std::string>& gone) {
  if (standing_ != nullptr && gone.contains(standing_->key_id())) {
    standing_->set_handlers({.secured = [] {}, .frame = [](wire::Frame&&) {}, .closed = [](const auto&) {}});
    standing_->close();
    standing_gone(fmt::format("its key {} is no longer in the key file", standing_->key_id()));
  }
  if (connection_ == nullptr || !gone.contains(connection_->key_id())) return;
  fail(fmt::format("its key {} is no longer in the key file", connection_->key_id()));
  is_refused_ = false;
  hurry();
}

void PeerLink::fail(const std::string& why) {
  const bool was_up = state_ == State::up;
  const bool was_taken = was_up && is_taken_;
  is_refused_ = state_ == State::greeting || (was_up && !is_taken_);
  drop_attempt();
  state_ = State::waiting;
  status_.last_error = why;
  if (was_up) {
    status_.since = steady_now();
    status_.up = status_.answers = false;
  }
  if (standing_ == nullptr) tell_once((was_taken ? "connection lost: " : "not connected: ") + why);
  // Half of it random, so that peers which lost each other at once do not meet in lockstep. Who does not
  // answer at all was waited for already.
  if (unanswered_ > 0) backoff_ = times_.backoff_low;
  arm(random_.between(backoff_ / 2, backoff_), &PeerLink::dial);
  backoff_ = std::min(backoff_ * 2, times_.backoff_high);
  if (was_up) handlers_.down(peer_);
}

void PeerLink::tell_once(const std::string& line) {
  const Instant now = steady_now();
  if (line == told_ && now - told_at_ < std::chrono::minutes(1)) return;
  told_ = line;
  told_at_ = now;
  log_(LogLevel::warning, fmt::format("peer {}: {}", peer_, line));
}

}  // namespace coord::net
