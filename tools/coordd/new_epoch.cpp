// SPDX-License-Identifier: MIT
// An operator's words to the gateways of an engine. They go into the log by entries
// (replica/engine_log_era.cpp, engine_log_trust.cpp); here is who drives that, and waits.
#include "coordd/new_epoch.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/format.hpp"
#include "base/own_file.hpp"
#include "cli/authority.hpp"
#include "cli/run.hpp"
#include "coordd/paths.hpp"
#include "daemon/engine_memory.hpp"
#include "daemon/system_random.hpp"
#include "daemon/wall_now.hpp"
#include "engines/driver.hpp"
#include "process/boot_time.hpp"
#include "replica/engine_log.hpp"
#include "store/posix_disk.hpp"

namespace coord::coordd {

namespace {

using std::chrono::seconds;

constexpr Duration engine_patience = seconds(20);

// Where the gateway keeps what it has seen that `coordd --engine URL` means here: the one that is configured,
// or this user's own.
Result<std::string> gateway_directory(const Arguments& arguments) {
  if (!arguments.peer.state_dir.empty()) return arguments.peer.state_dir;
  const auto authority = cli::find_authority("", "", arguments.peer.engine, arguments.peer.unsafe);
  if (!authority) return authority.error();
  return authority->state_dir;
}

class Operator {
 public:
  Operator(const char* option, const daemon::Settings& settings) : option_(option), timer_(io_) {
    replica::EngineLog::Config config;
    config.self = NodeId{daemon::from_system_random<std::uint64_t>() | 1U};
    config.believe_again = std::chrono::milliseconds(300);
    config.first = true;
    config.registers = false;
    log_.emplace(std::move(config), Random(daemon::from_system_random<std::uint64_t>()), process::boot_now());
    access_ = settings.engine_access;
    access_.writer = daemon::from_system_random<std::uint64_t>();
  }
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator() = default;

  Result<cli::Exit> run() {
    auto driver = engines::Driver::open(io_, access_, [this](replica::engine::Told told) {
      if (const auto* down = std::get_if<replica::engine::Down>(&told)) why_ = down->why;
      boost::asio::post(io_, [this, told = std::move(told)] { tell(replica::FromEngine{told}); });
    });
    if (!driver) return driver.error();
    driver_ = std::move(*driver);
    driver_->start();
    deadline_ = process::boot_now() + engine_patience;
    tick();
    io_.run();
    driver_->stop();
    if (failure_) return *failure_;
    return cli::Exit::done;
  }

 protected:
  virtual void look(Instant now) = 0;  // the log is followed

  replica::EngineLog& log() { return *log_; }
  void perform(const replica::Actions& actions) {
    for (const replica::Action& action : actions) {
      if (const auto* asked = std::get_if<replica::ToEngine>(&action)) driver_->ask(asked->request);
      if (const auto* halted = std::get_if<replica::Halted>(&action)) fail(halted->why);
    }
  }
  void wait_until(Instant when) { deadline_ = when; }
  void end() { io_.stop(); }

 private:
  void tell(const replica::Event& event) {
    perform(log_->step(process::boot_now(), daemon::wall_now(), event));
    perform(log_->settle(process::boot_now(), daemon::wall_now()));
    const Instant now = process::boot_now();
    if (now > deadline_) return fail(why_.empty() ? log_->trouble() : why_);
    if (!failure_) look(now);
  }
  void fail(const std::string& why) {
    failure_ = Error{ErrorKind::unavailable, option_,
                     why.empty() ? "the log was not followed to its end in time" : why,
                     "see that the engine works, then say it again"};
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

  const char* option_;
  boost::asio::io_context io_;
  boost::asio::steady_timer timer_;
  engines::Settings access_;
  std::unique_ptr<engines::Driver> driver_;
  std::optional<replica::EngineLog> log_;
  std::optional<Error> failure_;
  std::string why_;
  Instant deadline_;
};

// The log is read; the former era has ended, and those who know more of it have said so; the next one is
// there; nobody of the former one runs any more; it grants.
class NewEpoch final : public Operator {
 public:
  NewEpoch(const daemon::Settings& settings, replica::EngineMemory known)
      : Operator("--new-epoch", settings), known_(known) {}
  const std::optional<replica::EngineMemory>& seen() const { return seen_; }

 private:
  void look(Instant now) override {
    if (!begun_) {
      if (!log().is_read()) return;
      begun_ = true;
      wait_until(now + engine_patience * 2);
      const Token by_clock{static_cast<std::uint64_t>(daemon::wall_now().unix_ns / 1'000'000'000) << 20U};
      perform(log().begin_era(now, by_clock, known_));
      cli::notice("coordd", "the epoch of the log has ended: the gateways are asked for their positions");
      return;
    }
    if (log().is_beginning_era() || !log().has_quorum()) return;
    if (!log().machine().state().closed) {  // gateways that were not there learn that this is the log
      if (!log().has_confirmed()) return perform(log().confirm_to_all(now));
      seen_ = log().memory();
      return end();
    }
    perform(log().open_era(now));
    if (log().opens_at() == opens_at_) return;
    const char* which = opens_at_ ? "another new epoch of the log" : "a new epoch of the log";
    opens_at_ = log().opens_at();
    wait_until(*opens_at_ + engine_patience);
    cli::notice("coordd", fmt::format("{} has begun: nothing is granted for {} s", which,
                                      std::max(*opens_at_ - now, Duration{}) / seconds(1)));
  }

  replica::EngineMemory known_;
  bool begun_ = false;
  std::optional<Instant> opens_at_;
  std::optional<replica::EngineMemory> seen_;
};

// To all gateways that ask, and for the one that would be started here.
class First final : public Operator {
 public:
  explicit First(const daemon::Settings& settings) : Operator("--first", settings) {}
  const std::optional<replica::EngineMemory>& seen() const { return seen_; }

 private:
  void look(Instant now) override {
    if (!log().has_quorum()) return;
    if (!log().has_confirmed()) return perform(log().confirm_to_all(now));
    seen_ = log().memory();
    end();
  }
  std::optional<replica::EngineMemory> seen_;
};

// Of this host's gateway nothing is needed but the way to the engine.
Result<daemon::Settings> settings_of(const Arguments& arguments) {
  daemon::Options options = arguments.peer;
  if (options.state_dir.empty()) options.state_dir = "/";
  if (options.socket.empty()) options.socket = "/";
  return daemon::check(options);
}

// Root may say this for a unit that has a user of its own.
Status give_to_owner(store::PosixDisk& disk) {
  struct stat folder {};
  if (::geteuid() != 0 || ::fstat(disk.descriptor(), &folder) != 0 || folder.st_uid == 0) return done();
  auto names = disk.list();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (::fchownat(disk.descriptor(), name.c_str(), folder.st_uid, folder.st_gid, AT_SYMLINK_NOFOLLOW) != 0)
      return Error{ErrorKind::unavailable, disk.path(),
                   fmt::format("its owner cannot be set: {}", std::strerror(errno)),
                   "give its files to the user of the gateway"};
  }
  return done();
}

// Unless it runs, and so has heard it, or remembers as much itself.
Status remember_for(const std::string& directory, const replica::EngineMemory& seen) {
  if (!is_there(directory) && ::mkdir(directory.c_str(), 0700) != 0)
    return Error{ErrorKind::unavailable, directory, fmt::format("cannot be made: {}", std::strerror(errno)),
                 "make its parent writable"};
  auto disk = store::PosixDisk::open_directory(directory);
  if (!disk) return disk.error();
  const auto holder = directory_holder(directory);
  if (holder && *holder) return done();
  const auto before = daemon::read_engine_memory(**disk, directory);
  if (!before) return before.error();
  // A gateway that lost the race to make a log has an era, and has seen nothing.
  if (std::pair(before->era, before->place.index) >= std::pair(seen.era, seen.place.index)) return done();
  if (Status written = daemon::write_engine_memory(**disk, seen); !written) return written;
  return give_to_owner(**disk);
}

}  // namespace

Result<cli::Exit> begin_new_epoch(const Arguments& arguments) {
  const auto settings = settings_of(arguments);
  if (!settings) return settings.error();
  const auto directory = gateway_directory(arguments);
  replica::EngineMemory known;
  if (directory && is_there(*directory)) {
    if (auto disk = store::PosixDisk::open_directory(*directory)) {
      const auto memory = daemon::read_engine_memory(**disk, *directory);
      if (memory) known = *memory;
    }
  }
  NewEpoch operators(*settings, known);
  auto ended = operators.run();
  if (!ended || !operators.seen() || !directory || !is_there(*directory)) return ended;
  if (Status kept = remember_for(*directory, *operators.seen()); !kept) return kept.error();
  return ended;
}

Result<cli::Exit> confirm_log(const Arguments& arguments) {
  const auto settings = settings_of(arguments);
  if (!settings) return settings.error();
  const auto directory = gateway_directory(arguments);
  if (!directory) return directory.error();
  First first(*settings);
  auto ended = first.run();
  if (!ended || !first.seen()) return ended;
  if (Status kept = remember_for(*directory, *first.seen()); !kept) return kept.error();
  return ended;
}

}  // namespace coord::coordd
