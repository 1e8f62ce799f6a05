// SPDX-License-Identifier: MIT
#include "engines/native_redlock.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "base/format.hpp"
#include "process/boot_time.hpp"

namespace coord::engines {

namespace {

namespace asio = boost::asio;
namespace redlock = mutex::redlock;

constexpr Duration store_answers = std::chrono::seconds(1);
constexpr Duration drop_patience = std::chrono::milliseconds(300);
constexpr std::string_view longer_script =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return "
    "0";
constexpr std::string_view drop_script =
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";

template <class T>
T drawn() {
  T value{};
  ::RAND_bytes(reinterpret_cast<unsigned char*>(&value), sizeof value);
  return value;
}

}  // namespace

// ---- one server

void NativeStore::call(Instant now, Kind kind, const std::vector<std::string_view>& words,
                       const redlock::Answer& answer) {
  if (closed_) return;
  calls_.push_back({kind, now, answer});
  write(resp::command(words));
}

void NativeStore::fail(const std::string& why) {
  if (std::exchange(closed_, true)) return;
  close(fmt::format("{}: {}", host_, why));
}

void NativeStore::begin(Instant now) {
  tell(engine::Up{});
  if (access_.user.empty()) {
    call(now, Kind::hello, {"HELLO", "3"});
  } else {
    call(now, Kind::hello, {"HELLO", "3", "AUTH", access_.user, access_.password});
  }
  call(now, Kind::role, {"ROLE"});
  call(now, Kind::memory, {"CONFIG", "GET", "maxmemory"});
  call(now, Kind::policy, {"CONFIG", "GET", "maxmemory-policy"});
}

void NativeStore::receive(Instant now, ByteView bytes) {
  if (closed_) return;
  in_.add(bytes);
  while (auto value = in_.next()) {
    if (value->kind == resp::Value::Kind::push) continue;
    if (calls_.empty()) return fail("the server there is not Redis");
    const Call done = calls_.front();
    calls_.pop_front();
    answered(now, done, *value);
    if (closed_) return;
  }
  if (in_.failed()) fail("the server there is not Redis");
}

void NativeStore::answered(Instant now, const Call& call, const resp::Value& value) {
  const bool is_error = value.kind == resp::Value::Kind::error;
  const auto setting = [&] { return value.list.size() == 2 ? value.at(1) : std::string_view(); };
  switch (call.kind) {
    case Kind::hello:
      if (is_error) fail(value.text);
      return;
    case Kind::role:
      if (value.at(0) != "master")
        fail("it is a replica: Redlock is for servers that know nothing of each other");
      return;
    case Kind::memory:  // who may not ask has somebody who looks after it
      is_limited_ = !is_error && !setting().empty() && setting() != "0";
      return;
    case Kind::policy:
      if (is_limited_ && !is_error && setting() != "noeviction")
        return fail("it removes keys when its memory is full: set maxmemory-policy to noeviction");
      is_ready_ = true;
      tell(engine::Reached{});
      return tick(now);
    case Kind::set:
    case Kind::drop: {
      if (is_error) return fail(value.text);
      redlock::Answer answer = call.answer;
      answer.kept = value.kind == resp::Value::Kind::text || value.number == 1;
      return push(FromStore{answer, call.kind == Kind::drop});
    }
  }
}

void NativeStore::carry_out(Instant now, const redlock::Message& order) {
  const std::string px =
      std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(orders_->ttl).count());
  if (const auto* set = std::get_if<redlock::Set>(&order)) {
    const std::string value = fmt::format("{}.{}", orders_->value, set->attempt);
    const redlock::Answer answer{set->attempt, set->sent_ns, false};
    if (set->longer) {
      call(now, Kind::set, {"EVAL", longer_script, "1", orders_->key, value, px}, answer);
    } else {
      call(now, Kind::set, {"SET", orders_->key, value, "NX", "PX", px}, answer);
    }
  } else if (const auto* drop = std::get_if<redlock::Drop>(&order)) {
    const std::string value = fmt::format("{}.{}", orders_->value, drop->attempt);
    call(now, Kind::drop, {"EVAL", drop_script, "1", orders_->key, value}, {drop->attempt, 0, false});
  }
}

void NativeStore::tick(Instant now) {
  if (closed_) return;
  if (!calls_.empty() && now >= calls_.front().sent + store_answers) return fail("no answer within 1 s");
  while (is_ready_ && !orders_->waiting.empty()) {
    carry_out(now, orders_->waiting.front());
    orders_->waiting.pop_front();
  }
}

std::optional<Instant> NativeStore::deadline() const {
  if (closed_ || calls_.empty()) return std::nullopt;
  return calls_.front().sent + store_answers;
}

// ---- all of them

namespace {

class RedlockDriver final : public Driver {
 public:
  RedlockDriver(asio::io_context& io, const Settings& settings, std::shared_ptr<NativeJob> job, Native native,
                Told told)
      : job_(std::move(job)), native_(std::move(native)), told_(std::move(told)), timer_(io) {
    mutex::Redlock::Config config;
    config.ttl = job_->lock()->ttl;
    config.retry = std::chrono::milliseconds(400);
    config.seed = drawn<std::uint64_t>();
    const std::string value = fmt::format("{:016x}{:016x}", drawn<std::uint64_t>(), drawn<std::uint64_t>());
    for (std::size_t i = 0; i < settings.url.endpoints.size(); ++i) {
      config.servers.push_back(NodeId{i + 1});
      Settings one = settings;
      one.url.endpoints = {settings.url.endpoints[i]};
      auto orders = std::make_shared<RedlockOrders>(RedlockOrders{job_->lock()->name, value, config.ttl, {}});
      orders_.push_back(orders);
      trouble_.emplace_back();
      auto opened = Driver::open_native(
          io, std::move(one),
          [orders](Access access, const std::string& host) {
            return std::make_unique<NativeStore>(std::move(access), host, orders);
          },
          [this, i](Adapter::Action what) { heard(i, what); },
          [this, i](engine::Told said) { state(i, said); });
      if (opened) stores_.push_back(std::move(*opened));
      if (!opened) why_ = opened.error().text();
    }
    config.self = NodeId{config.servers.size() + 1};
    core_.emplace(std::move(config));
  }
  ~RedlockDriver() override { RedlockDriver::stop(); }

  void start() override {
    if (stores_.size() < orders_.size()) return told_(engine::Down{why_});
    for (const auto& store : stores_) store->start();
    step(mutex::Acquire{});
  }
  void stop() override {
    stopped_ = true;
    timer_.cancel();
    for (const auto& store : stores_) store->stop();
  }
  void ask(const engine::Request&) override {}
  void nudge() override {
    if (!job_->let_go || is_leaving_ || stopped_) return;
    is_leaving_ = true;
    step(mutex::Release{});
    timer_.expires_after(drop_patience);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopped_) tell(native::Unlocked{true});
    });
  }
  std::string endpoint() const override { return ""; }
  const About& about() const override { return about_; }
  std::vector<Endpoint> endpoints() const override { return {}; }

 private:
  void tell(native::ToTool what) { native_(Adapter::Native{std::move(what)}); }

  void step(const mutex::Redlock::Event& event) {
    const auto before =
        core_->phase() == mutex::Phase::inside ? std::optional(core_->counts_from()) : std::nullopt;
    for (auto& action : core_->step(process::boot_now(), event)) {
      if (auto* send = std::get_if<mutex::Redlock::Send>(&action)) {
        auto& orders = orders_.at(send->to.value - 1)->waiting;
        // Of a server that is away only what was said last counts.
        constexpr std::size_t most = 4;
        if (orders.size() >= most) orders.pop_front();
        orders.push_back(std::move(send->message));
      } else if (std::holds_alternative<election::Lost>(action)) {
        is_lost_ = true;
      }
    }
    for (const auto& store : stores_) store->nudge();
    if (is_leaving_ || stopped_) return;
    if (is_lost_)
      return native_(Adapter::NativeLost{"its keys were not renewed by a majority of the servers"});
    if (core_->phase() == mutex::Phase::inside) {
      if (!before || *before != core_->counts_from()) {
        job_->held = true;
        job_->counted = core_->counts_from();
        tell(native::Locked{job_->counted});
      }
    } else if (core_->noes() + core_->majority() > orders_.size()) {
      if (!job_->lock()->wait) return tell(native::Busy{});
      tell(native::Queued{job_->lock()->name});
    }
    if (!stopped_ && !is_leaving_) arm();
  }

  void arm() {
    const auto due = core_->deadline();
    if (!due) return;
    timer_.expires_after(std::max<Duration>(*due - process::boot_now(), Duration{}));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error && !stopped_) step(mutex::Redlock::Tick{});
    });
  }

  void heard(std::size_t store, const Adapter::Action& what) {
    const auto* said = std::get_if<Adapter::FromStore>(&what);
    if (said == nullptr || stopped_) return;
    if (said->dropped) {
      if (is_leaving_ && ++dropped_ >= core_->majority()) tell(native::Unlocked{true});
      return;
    }
    step(mutex::Redlock::Receive{NodeId{store + 1}, said->answer});
  }

  // There is trouble as long as fewer than a majority can be asked.
  void state(std::size_t store, const engine::Told& said) {
    if (const auto* down = std::get_if<engine::Down>(&said)) trouble_[store] = down->why;
    if (std::holds_alternative<engine::Reached>(said)) trouble_[store].clear();
    const auto away = std::ranges::count_if(trouble_, [](const std::string& why) { return !why.empty(); });
    if (static_cast<std::size_t>(away) + core_->majority() > trouble_.size()) {
      told_(engine::Down{
          fmt::format("{} of {} servers cannot be asked: {}", away, trouble_.size(),
                      *std::ranges::find_if(trouble_, [](const auto& why) { return !why.empty(); }))});
    } else {
      told_(engine::Reached{});
    }
  }

  const std::shared_ptr<NativeJob> job_;
  const Native native_;
  const Told told_;
  asio::steady_timer timer_;
  std::vector<std::shared_ptr<RedlockOrders>> orders_;
  std::vector<std::string> trouble_;
  std::vector<std::unique_ptr<Driver>> stores_;
  std::optional<mutex::Redlock> core_;
  std::string why_;
  std::size_t dropped_ = 0;
  bool is_leaving_ = false, is_lost_ = false, stopped_ = false;
  About about_;
};

}  // namespace

std::unique_ptr<Driver> open_redlock(asio::io_context& io, const Settings& settings,
                                     std::shared_ptr<NativeJob> job, Driver::Native native,
                                     Driver::Told told) {
  return std::make_unique<RedlockDriver>(io, settings, std::move(job), std::move(native), std::move(told));
}

}  // namespace coord::engines
