// SPDX-License-Identifier: MIT
// What was granted after the backup is in no log. So all sessions end, tokens begin above the clock and above
// all that is left, and nothing is granted for as long as a command may run whose gateway has not heard of
// this.
#include "coordd/new_epoch.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>

#include "base/format.hpp"
#include "cli/run.hpp"
#include "daemon/system_random.hpp"
#include "daemon/wall_now.hpp"
#include "engines/driver.hpp"
#include "process/boot_time.hpp"
#include "replica/engine_log.hpp"

namespace coord::coordd {

namespace {

using std::chrono::seconds;

constexpr Duration usual_ttl = seconds(30);
constexpr Duration patience = seconds(20);

class NewEpoch {
 public:
  explicit NewEpoch(const daemon::Settings& settings) : timer_(io_) {
    replica::EngineLog::Config config;
    config.self = NodeId{daemon::from_system_random<std::uint64_t>() | 1U};
    config.name = fmt::format("new-epoch-{:x}", config.self.value);
    config.believe_again = std::chrono::milliseconds(300);
    log_.emplace(std::move(config), Random(daemon::from_system_random<std::uint64_t>()), process::boot_now());
    access_ = settings.engine_access;
    access_.writer = daemon::from_system_random<std::uint64_t>();
  }

  Result<cli::Exit> run() {
    auto driver = engines::Driver::open(io_, access_, [this](replica::engine::Told told) {
      if (const auto* down = std::get_if<replica::engine::Down>(&told)) why_ = down->why;
      boost::asio::post(io_, [this, told = std::move(told)] { tell(replica::FromEngine{told}); });
    });
    if (!driver) return driver.error();
    driver_ = std::move(*driver);
    driver_->start();
    deadline_ = process::boot_now() + patience;
    tick();
    io_.run();
    driver_->stop();
    if (failure_) return *failure_;
    return cli::Exit::done;
  }

 private:
  void tell(const replica::Event& event) {
    perform(log_->step(process::boot_now(), daemon::wall_now(), event));
    perform(log_->settle(process::boot_now(), daemon::wall_now()));
    look();
  }
  void perform(const replica::Actions& actions) {
    for (const replica::Action& action : actions) {
      if (const auto* asked = std::get_if<replica::ToEngine>(&action)) driver_->ask(asked->request);
      if (const auto* halted = std::get_if<replica::Halted>(&action)) fail(halted->why);
    }
  }
  void fail(const std::string& why) {
    failure_ =
        Error{ErrorKind::unavailable, "--new-epoch", why, "see that the engine works, then say it again"};
    io_.stop();
  }
  void tick() {
    timer_.expires_after(std::chrono::milliseconds(50));
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      tell(replica::Tick{});
      tick();
    });
  }

  // Step by step: the log is read; the new era is there; nobody of the former one runs any more; it grants.
  void look() {
    const Instant now = process::boot_now();
    if (now > deadline_) return fail(why_.empty() ? log_->trouble() : why_);
    if (!log_->has_quorum()) return;
    if (!former_) {
      former_ = log_->era();
      wait_ = usual_ttl;
      for (const auto& [id, session] : log_->machine().state().sessions) wait_ = std::max(wait_, session.ttl);
      const Token by_clock{static_cast<std::uint64_t>(daemon::wall_now().unix_ns / 1'000'000'000) << 20U};
      perform(log_->begin_era(now, by_clock));
      return;
    }
    if (log_->era() == *former_) return;
    if (!opens_at_) {
      opens_at_ = now + wait_;
      deadline_ = *opens_at_ + patience;
      cli::notice("coordd", fmt::format("a new epoch of the log has begun: nothing is granted for {} s",
                                        wait_ / seconds(1)));
    }
    if (now < *opens_at_) return;
    if (!log_->machine().state().closed) return io_.stop();
    if (asked_ && now < *asked_ + seconds(1)) return;
    asked_ = now;
    perform(log_->step(now, daemon::wall_now(), replica::PutIntoLog{service::Shut{false}}));
  }

  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  engines::Settings access_;
  std::unique_ptr<engines::Driver> driver_;
  std::optional<replica::EngineLog> log_;
  std::optional<Error> failure_;
  std::string why_;
  Instant deadline_;
  std::optional<std::uint64_t> former_;
  Duration wait_{};
  std::optional<Instant> opens_at_, asked_;
};

}  // namespace

Result<cli::Exit> begin_new_epoch(const Arguments& arguments) {
  daemon::Options options = arguments.peer;
  // Of this host's gateway nothing is needed but the way to the engine.
  if (options.state_dir.empty()) options.state_dir = "/";
  if (options.socket.empty()) options.socket = "/";
  const auto settings = daemon::check(options);
  if (!settings) return settings.error();
  return NewEpoch(*settings).run();
}

}  // namespace coord::coordd
