// SPDX-License-Identifier: MIT
#include "daemon/daemon.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <chrono>

#include "base/format.hpp"
#include "daemon/idle_end.hpp"
#include "daemon/system_random.hpp"
#include "daemon/wall_now.hpp"
#include "process/boot_time.hpp"

namespace coord::daemon {

namespace {

constexpr Duration leave_within = std::chrono::seconds(1);

// Tools that read it run elsewhere.
std::string from_anywhere(const std::string& path) {
  std::array<char, 4096> here{};
  if (path.empty() || path.front() == '/' || ::getcwd(here.data(), here.size()) == nullptr) return path;
  return fmt::format("{}/{}", here.data(), path);
}

}  // namespace

Result<std::unique_ptr<Daemon>> Daemon::open(boost::asio::io_context& io, Settings settings, net::Log log,
                                             std::function<void(std::optional<Error>)> stopped,
                                             const node::MakeParts& parts, const MakeWorkers& workers) {
  std::unique_ptr<Daemon> peer(new Daemon(io, std::move(settings), std::move(log), std::move(stopped)));
  if (Status taken = peer->take_directory(); !taken) return taken.error();
  if (Status come = peer->come_to_group(); !come) return come.error();
  Status recovered = peer->settings_.is_gateway() ? peer->recover_as_gateway()
                     : peer->keeps_log()          ? peer->recover(parts, workers)
                                                  : peer->recover_as_member(parts, workers);
  if (!recovered) return recovered.error();
  if (Status listening = peer->listen(); !listening) return listening.error();
  if (Status measuring = peer->open_metrics(); !measuring) return measuring.error();
  return peer;
}

Daemon::Daemon(boost::asio::io_context& io, Settings settings, net::Log log,
               std::function<void(std::optional<Error>)> stopped)
    : io_(io),
      settings_(std::move(settings)),
      log_(std::move(log)),
      narrator_(make_narrator()),
      stopped_(std::move(stopped)),
      hold_directory_(fmt::format("{}/sessions", settings_.options.state_dir)),
      stock_(io, hold_directory_),
      socket_timer_(io),
      socket_(from_anywhere(settings_.options.socket)),
      timer_(io, ::timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC)),
      user_names_(io),
      started_(wall_now()),
      started_at_(process::boot_now()) {}

Daemon::~Daemon() {
  if (transport_) transport_->stop();
  if (engine_) engine_->stop();
  if (server_) server_->stop();
  if (metrics_) metrics_->stop();
}

Duration Daemon::leader_patience() const {
  constexpr Duration least = std::chrono::seconds(1);
  return std::max<Duration>(least, 3 * settings_.options.election_high);
}

void Daemon::start() {
  server_->start();
  look_at_socket();
  if (transport_) transport_->start();
  if (engine_) engine_->start();
  if (settings_.goes_by_file) ask_again();
  if (settings_.options.token_floor != Token{}) push(replica::RaiseTokens{settings_.options.token_floor});
  push(replica::Tick{});
}

bool Daemon::set_keys(const net::KeyRing& keys) {
  if (!transport_) return false;
  settings_.keys = keys;
  if (keys_) keys_->ring = keys;
  transport_->set_keys(keys);
  asker_keys_->set(keys);
  return true;
}

void Daemon::leave() {
  if (leave_by_ || ended_) return;
  leave_by_ = process::boot_now() + leave_within;
  log_(net::LogLevel::info, "stopping");
  push(replica::Leave{});
  if (role() != raft::Role::leader || settings_.alone()) {
    may_leave_ = true;
  }
}

// The parts have said what they wanted to say, and somebody else leads: or it takes too long.
void Daemon::end_if_left() {
  if (!leave_by_ || ended_) return;
  if ((may_leave_ && !node_->is_leaving()) || process::boot_now() >= *leave_by_) stop(std::nullopt);
}

// By its disk, or by what is on it.
Error Daemon::failed(std::string why) const {
  return {ErrorKind::unavailable, settings_.options.state_dir, std::move(why),
          "look at the disk and the file system, then start again"};
}

void Daemon::stop(std::optional<Error> why) {
  if (ended_) return;
  ended_ = true;
  inbox_.clear();
  asking_again_.reset();
  if (transport_) transport_->stop();
  if (engine_) engine_->stop();
  if (server_) server_->stop();
  if (metrics_) metrics_->stop();
  timer_.cancel();
  socket_timer_.cancel();
  stopped_(std::move(why));
}

void Daemon::push(node::NodeEvent event) {
  if (ended_) return;
  inbox_.push_back(std::move(event));
  if (pumping_) return;
  pumping_ = true;
  boost::asio::post(io_, [this] { pump(); });
}

void Daemon::pump() {
  pumping_ = false;
  while (!inbox_.empty() && !ended_) {
    node::NodeEvent event = std::move(inbox_.front());
    inbox_.pop_front();
    if (node::Narrator* const tell = narrator()) tell->hears(event);
    note_overdue(event);
    carry_out(node_->step(process::boot_now(), wall_now(), std::move(event)));
    if (!ended_) note_commits();
  }
  if (ended_) return;
  if (native_) native_->look();
  look_at_roster();
  look_at_members();
  look_at_own_place();
  if (!ended_ && transport_) remind_departed();
  if (!ended_ && transport_) ask_around();
  if (ended_) return;
  carry_out(node_->settle(process::boot_now(), wall_now()));
  end_if_left();
  if (!ended_) give_up_if_unused();
  if (!ended_) end_if_idle();
  if (!ended_) arm_timer();
}

// Nobody is connected, nothing is held, waited for or kept shut: a peer that others count
// on (a voter) is never idle.
bool Daemon::is_idle() const {
  if (settings_.is_gateway())
    return tools_.empty() && node_->log().machine().sessions_of(settings_.node).empty();
  return settings_.alone() && tools_.empty() && !node_->log().machine().busy();
}

void Daemon::end_if_idle() {
  if (settings_.options.idle_exit == Duration{}) return;
  if (!is_idle()) {
    idle_since_.reset();
    return;
  }
  const Instant now = process::boot_now();
  if (!idle_since_) idle_since_ = now;
  if (now < *idle_since_ + settings_.options.idle_exit) return;
  // That takes a write; then it ends.
  const bool raises = raises_before_it_ends(settings_.is_gateway(), node_->log().level_view());
  if (raises && !std::exchange(raised_when_idle_, true)) {
    idle_since_ = now - settings_.options.idle_exit + std::chrono::seconds(1);
    return push(replica::RaiseNow{});
  }
  log_(net::LogLevel::info, "idle: ends until it is needed again");
  stop(std::nullopt);
}

// The disk's work last: whoever waits for a message goes on at once. What depends on a write being durable is
// an answer to the event of its end, so nothing can overtake it.
void Daemon::carry_out(node::NodeActions actions) {
  const auto is_disk = [](const node::NodeAction& action) {
    const auto* of_service = std::get_if<replica::ServiceAction>(&action);
    return of_service != nullptr && std::holds_alternative<replica::DiskJob>(*of_service);
  };
  const auto perform_one = [this](auto& concrete) { perform(std::move(concrete)); };
  for (const bool disk : {false, true}) {
    for (node::NodeAction& action : actions) {
      if (ended_) return;
      if (is_disk(action) != disk) continue;
      if (node::Narrator* const tell = narrator()) tell->does(action);
      if (auto* of_service = std::get_if<replica::ServiceAction>(&action)) {
        std::visit(perform_one, *of_service);
      } else if (auto* message = std::get_if<node::SendOnChannel>(&action)) {
        perform(std::move(*message));
      } else if (auto* unread = std::get_if<node::Unread>(&action)) {
        perform(std::move(*unread));
      } else {
        perform(std::move(std::get<node::PartWork>(action)));
      }
    }
  }
}

void Daemon::perform(node::PartWork&& action) {
  workers_.at(action.part)->submit(std::move(action.work));
}

void Daemon::arm_timer() {
  std::optional<Instant> deadline = node_->deadline();
  if (leave_by_ && (!deadline || *leave_by_ < *deadline)) deadline = leave_by_;
  if (idle_since_) {
    const Instant end = *idle_since_ + settings_.options.idle_exit;
    if (!deadline || end < *deadline) deadline = end;
  }
  if (!deadline || deadline == armed_)
    return;  // set anew, not left to ring early: a call costs less than waking up
  const bool waiting = armed_.has_value();
  armed_ = deadline;
  const auto since_boot = std::max<std::int64_t>(deadline->time_since_epoch().count(), 1);
  itimerspec when{};
  when.it_value.tv_sec = since_boot / 1'000'000'000;
  when.it_value.tv_nsec = since_boot % 1'000'000'000;
  ::timerfd_settime(timer_.native_handle(), TFD_TIMER_ABSTIME, &when, nullptr);
  if (waiting) return;
  timer_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
        if (error || ended_) return;
        armed_.reset();  // never read: setting it again, which comes before the next wait, clears it
        push(replica::Tick{});
      });
}

void Daemon::perform(replica::DiskJob&& action) {
  store_->submit(std::move(action));
}

void Daemon::perform(replica::LeaderChanged&& action) {
  if (settings_.is_gateway()) {
    log_(net::LogLevel::info,
         action.leader == NodeId{} ? "the engine's log cannot be followed" : "the engine's log is followed");
    return;
  }
  const net::Roster::Node* const leader = settings_.roster.find(action.leader);
  const std::string who = leader == nullptr ? "no leader" : fmt::format("leader {}", leader->name);
  ++meters_.leader_changes;
  log_.audit(fmt::format("term {}: {}", action.term.value, who),
             {{"COORD_EVENT", "leader"},
              {"COORD_NAME", leader == nullptr ? "" : leader->name},
              {"COORD_TERM", std::to_string(action.term.value)}});
  if (leave_by_ && action.role != raft::Role::leader) may_leave_ = true;
}

void Daemon::perform(replica::Report&& action) {
  if (action.text.find("--rejoin") != std::string::npos) lost_state_ = action.text;
  log_(net::LogLevel::warning, action.text);
}

void Daemon::perform(replica::Halted&& action) {
  stop(failed(action.why));
}

}  // namespace coord::daemon
