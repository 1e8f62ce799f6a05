// SPDX-License-Identifier: MIT
#include "pump.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/format.hpp"
#include "cli/names.hpp"
#include "cli/run.hpp"
#include "process/boot_time.hpp"
#include "taking.hpp"

extern char** environ;

namespace coord::dsnapshot {

namespace {

using process::boot_now;

constexpr Duration away_patience = std::chrono::seconds(30);  // of a session
constexpr std::size_t batch = std::size_t{64} << 10U;         // bytes that are written or read at once

void set_nonblocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

std::string plural_lines(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " line" : " lines");
}

}  // namespace

Pump::Pump(Terms terms, GroupLine line, Descriptor input, Descriptor output)
    : terms_(std::move(terms)),
      line_(std::move(line)),
      core_([&] {
        cut::Member::Config config;
        config.group = terms_.group;
        config.id = terms_.id;
        config.life = terms_.life;
        config.patience = terms_.patience;
        config.external = !terms_.state_command.empty();
        config.file = spill_.get();
        config.channels.acknowledge_after = std::chrono::milliseconds(25);
        return config;
      }()),
      speech_(terms_.format, terms_.id, terms_.line_end),
      input_(std::move(input)),
      output_(std::move(output)) {
  set_nonblocking(input_.get());
  set_nonblocking(output_.get());
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0) {
    wake_read_ = Descriptor(ends[0]);
    wake_write_ = Descriptor(ends[1]);
  }
}

void Pump::command_ended(bool lost) {
  lost_ = lost;
  command_ended_ = true;
  const char byte = 0;
  (void)!::write(wake_write_.get(), &byte, 1);
}

void Pump::work() {
  if (line_.view()) core_.view(boot_now(), *line_.view());
  while (!over()) {
    GroupLine::Heard heard;
    heard.packet = [&](cut::Life from, bool visitor, ByteView bytes) {
      core_.packet(boot_now(), from, visitor, bytes);
    };
    heard.view = [&](const cut::View& view) { core_.view(boot_now(), view); };
    heard.reconnected = [&] { core_.reconnected(); };
    if (const Status status = line_.hear(heard); !status) {
      cli::complain("dsnapshot", status.error());
      break;
    }
    let_begin();
    core_.tick(boot_now());
    if (begun_ || command_ended_) {
      if (output_is_ready_ || command_ended_) read_output(boot_now());
      take_state(boot_now());
      write_input(boot_now());
    }
    line_.send(core_.packets(boot_now()));
    write_log();
    for (const cut::Note& note : core_.notes()) tell(note);
    if (spill_->is_broken()) {
      cli::notice("dsnapshot",
                  fmt::format("{}: the file of unsent messages cannot be read any more", terms_.id));
      break;
    }
    if (!over()) wait_for_more();
  }
  // The command is not left to wait for nobody.
  input_.reset();
  output_.reset();
  if (returned_ > 0)
    cli::notice("dsnapshot",
                fmt::format("{}: {} of it were not read by others", terms_.id, plural_lines(returned_)));
}

bool Pump::over() {
  if (!command_ended_) return false;
  if (lost_) return true;
  if (line_.fd() >= 0) {
    away_since_.reset();
  } else if (!away_since_) {
    away_since_ = boot_now();
  }
  if (away_since_ && boot_now() - *away_since_ > away_patience) {
    cli::notice(
        "dsnapshot",
        fmt::format("{}: the peer does not come back: the last lines may not have been read", terms_.id));
    return true;
  }
  if (output_.is_open() || core_.all_taken()) return !output_.is_open();
  const record::Member* self = core_.group().find(terms_.id);
  if (self && self->life == terms_.life) return false;
  cli::notice("dsnapshot",
              fmt::format("{}: the group does not count it any more: the last lines may not have been read",
                          terms_.id));
  return true;
}

// When enough processes are there.
void Pump::let_begin() {
  if (begun_ || core_.group().members.size() < terms_.count || !core_.group().find(terms_.id)) return;
  begun_ = true;
  std::vector<std::string> ids;
  for (const record::Member& member : core_.group().members) ids.push_back(member.id);
  to_write_ = (terms_.count > 1 ? "\n" : "") + speech_.first(ids);
}

// It reads no more: what is not written to it goes back to the senders.
void Pump::end_input(Instant now) {
  read_output(now);  // its last answer may be there
  input_.reset();
  core_.input_ended();
}

void Pump::write_input(Instant now) {
  if (input_.is_open() && (command_ended_ || input_has_no_reader_)) end_input(now);
  for (;;) {
    while (to_write_.size() - written_ < batch) {
      auto input = core_.next_input(now);
      if (!input) break;
      if (std::holds_alternative<cut::InputEnd>(*input)) {
        input_ends_ = true;
        break;
      }
      const auto* asked = std::get_if<cut::InputSnapshot>(&*input);
      if (asked && !terms_.state_command.empty()) {
        ask_state_command(asked->snapshot);
      } else {
        put_line(*input);
      }
      input_ends_at_.push_back(to_write_.size());
    }
    tell_written();
    if (!input_.is_open()) return;
    if (written_ == to_write_.size()) {
      if (input_ends_) input_.reset();
      return;
    }
    const ssize_t n = ::write(input_.get(), to_write_.data() + written_, to_write_.size() - written_);
    if (n < 0) {
      if (errno != EAGAIN && errno != EINTR) end_input(now);
      return;
    }
    written_ += static_cast<std::size_t>(n);
    tell_written();
    if (written_ < to_write_.size()) continue;
    to_write_.clear();
    written_ = 0;
  }
}

// Received is what the command has got.
void Pump::tell_written() {
  std::size_t inputs = 0;
  for (; !input_ends_at_.empty() && input_ends_at_.front() <= written_; ++inputs) input_ends_at_.pop_front();
  core_.input_written(inputs);
}

// What ends a line for this command would make two of one, and the second one anything.
void Pump::put_line(const cut::Input& input) {
  std::string line = speech_.line_of(input);
  const auto* message = std::get_if<cut::InputMessage>(&input);
  if (message && !message->from.empty()) log(record::Deed::received, message->from, message->body);
  if (message && line.find(terms_.line_end) != line.size() - 1) {
    bad_lines_ = true;
    cli::notice("dsnapshot", fmt::format("{}: a message from {} is not written to it: it contains the line "
                                         "terminator (is --null given to both?): {}",
                                         terms_.id, cli::shown(message->from), cli::shown(message->body)));
    return;
  }
  to_write_ += line;
}

void Pump::log(record::Deed deed, const std::string& other, const std::string& body) {
  if (terms_.log.is_open())
    log_ += record::run_line(terms_.id, core_.vector_clock(), wall_now(), deed, other, body);
}

void Pump::write_log() {
  for (std::size_t at = 0; at < log_.size();) {
    const ssize_t n = ::write(terms_.log.get(), log_.data() + at, log_.size() - at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      cli::notice("dsnapshot",
                  fmt::format("{}: --log: it cannot be written: the rest is left out", terms_.id));
      terms_.log.reset();
      break;
    }
    at += static_cast<std::size_t>(n);
  }
  log_.clear();
}

void Pump::read_output(Instant now) {
  std::array<char, batch> buffer{};
  while (output_.is_open() && core_.reads_output()) {
    const ssize_t n = ::read(output_.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN && !command_ended_) return;
    if (n <= 0) {  // or background work keeps it open
      output_.reset();
      core_.hurry();
      if (!read_.empty() && !skips_) take_line(now, read_);
      read_.clear();
      return;
    }
    read_.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t from = 0;
    for (std::size_t end = read_.find(terms_.line_end); end != std::string::npos;
         end = read_.find(terms_.line_end, from)) {
      if (!std::exchange(skips_, false)) take_line(now, std::string_view(read_).substr(from, end - from));
      from = end + 1;
    }
    read_.erase(0, from);
    const bool may_have_more = static_cast<std::size_t>(n) == buffer.size() || command_ended_;
    if (skips_ || read_.size() > record::longest_body + batch) {
      if (!std::exchange(skips_, true)) {
        ++line_number_;
        bad("it is longer than 1 MiB");
      }
      read_.clear();
    }
    if (!may_have_more) return;
  }
}

void Pump::take_line(Instant now, std::string_view line) {
  ++line_number_;
  auto said = speech_.read(line);
  if (auto* message = std::get_if<cut::ToProcess>(&said)) {
    if (!terms_.to.empty() && !terms_.to.contains(message->to))
      bad(fmt::format("--to does not name '{}'", cli::shown(message->to)));
    else if (const std::string body = terms_.log.is_open() ? message->body : std::string();
             !core_.said(now, message->to, std::move(message->body)))
      bad(fmt::format("nobody in the group is '{}'", cli::shown(message->to)));
    else
      log(record::Deed::sent, message->to, body);
  } else if (auto* state = std::get_if<cut::ToState>(&said)) {
    if (!terms_.state_command.empty() || !core_.answered(now, state->snapshot, std::move(state->text)))
      cli::notice("dsnapshot",
                  fmt::format("{}: the state for snapshot {} comes too late, or was not asked for", terms_.id,
                              cli::shown(state->snapshot)));
  } else if (const auto* wrong = std::get_if<cut::BadLine>(&said)) {
    bad(wrong->why);
  }
}

void Pump::bad(const std::string& why) {
  bad_lines_ = true;
  cli::notice("dsnapshot", fmt::format("{}: line {} is not sent: {}", terms_.id, line_number_, why));
}

void Pump::tell(const cut::Note& note) {
  if (const auto* back = std::get_if<cut::Returned>(&note)) {
    ++returned_;
    cli::notice("dsnapshot", fmt::format("{}: not read, {} has ended: {}", terms_.id, cli::shown(back->to),
                                         cli::shown(back->body)));
  } else if (const auto* unread = std::get_if<cut::Unread>(&note)) {
    cli::notice("dsnapshot", fmt::format("{}: {} has ended, and {} of it with it", terms_.id,
                                         cli::shown(unread->from), plural_lines(unread->messages)));
  } else {
    const auto& given_up = std::get<cut::GivenUp>(note);
    cli::notice(
        "dsnapshot",
        fmt::format(
            "{} has not answered snapshot {}: is its output buffered? stdbuf -oL, awk fflush(), python3 -u",
            terms_.id, cli::shown(given_up.snapshot)));
  }
}

// The state of a command that cannot answer, asked of another one; its record says so.
void Pump::ask_state_command(const std::string& snapshot) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
  state_ = Descriptor(ends[0]);
  const Descriptor write_end(ends[1]);
  set_nonblocking(state_.get());
  state_text_.clear();
  state_of_ = snapshot;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string shell = "sh", option = "-c", text = terms_.state_command, name = "dsnapshot", id = snapshot;
  std::array<char*, 6> argv{shell.data(), option.data(), text.data(), name.data(), id.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0) state_.reset();
}

void Pump::take_state(Instant now) {
  std::array<char, 4096> buffer{};
  while (state_.is_open()) {
    const ssize_t n = ::read(state_.get(), buffer.data(), buffer.size());
    if (n < 0) return;
    if (n > 0 && state_text_.size() < record::longest_body) {
      state_text_.append(buffer.data(), static_cast<std::size_t>(n));
      continue;
    }
    state_.reset();
    while (state_text_.ends_with('\n')) state_text_.pop_back();
    (void)core_.answered(now, state_of_, std::move(state_text_));
    state_text_.clear();
  }
}

void Pump::wait_for_more() {
  std::vector<pollfd> fds;
  const auto watch = [&](int fd, short events) {
    if (fd >= 0) fds.push_back({fd, events, 0});
  };
  watch(wake_read_.get(), command_ended_ ? 0 : POLLIN);
  watch(line_.fd(), POLLIN);
  if (state_.is_open()) watch(state_.get(), POLLIN);
  const bool reads = begun_ && output_.is_open() && core_.reads_output();
  if (reads) watch(output_.get(), POLLIN);
  // Without a wish: whether it still has a reader.
  const bool writes = begun_ && input_.is_open();
  if (writes) watch(input_.get(), written_ < to_write_.size() ? POLLOUT : 0);
  Instant until = line_.due();
  if (const auto at = core_.deadline()) until = std::min(until, *at);
  const auto left = std::max<Duration>(until - boot_now(), Duration{});
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  ::poll(fds.data(), fds.size(), static_cast<int>(std::min<std::int64_t>(ms, 1000)));
  input_has_no_reader_ = writes && (fds.back().revents & POLLERR) != 0;
  output_is_ready_ = reads && fds[fds.size() - (writes ? 2 : 1)].revents != 0;
}

}  // namespace coord::dsnapshot
