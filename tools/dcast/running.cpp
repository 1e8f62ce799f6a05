// SPDX-License-Identifier: MIT
#include "dcast/running.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

#include "dcast/settings.hpp"

namespace coord::dcast {

namespace {

constexpr off_t file_size = casts::longest_answer + 65'536;

Error failed(const char* object) {
  return {ErrorKind::internal, object, std::strerror(errno), ""};
}

// A file in memory that holds it, to be read from its beginning.
Result<Descriptor> file_of(const std::string& payload) {
  constexpr const char* object = "the command's standard input";
  Descriptor file(::memfd_create("dcast", MFD_CLOEXEC));
  if (!file.is_open()) return failed(object);
  for (std::size_t done = 0; done < payload.size();) {
    const ssize_t count = ::write(file.get(), payload.data() + done, payload.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed(object);
    done += static_cast<std::size_t>(count);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return failed(object);
  return file;
}

}  // namespace

// Of a fixed size, of whole pages and above the limit: a write beyond it fails. How much was written is where
// the next write would go.
Result<Output> Output::make() {
  Descriptor file(::memfd_create("dcast", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.is_open() || ::ftruncate(file.get(), file_size) != 0 ||
      ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0)
    return failed("the command's standard output");
  return Output(std::move(file));
}

Result<std::optional<std::string>> Output::read() const {
  const off_t size = ::lseek(file_.get(), 0, SEEK_CUR);
  if (size < 0) return failed("the command's standard output");
  if (static_cast<std::size_t>(size) > casts::longest_answer) return std::optional<std::string>();
  std::string text(static_cast<std::size_t>(size), '\0');
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count =
        ::pread(file_.get(), text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return failed("the command's standard output");
    done += static_cast<std::size_t>(count);
  }
  return std::optional(std::move(text));
}

Result<std::variant<cli::Outcome, cli::SpawnError>> run(const cli::Command& command, const casts::CastId& id,
                                                        const casts::Letter& letter,
                                                        std::optional<Instant> until, const Output* output) {
  cli::Program program;
  program.argv = command.argv;
  program.environment = {{"DCAST_NAME", letter.name},
                         {"DCAST_ID", text_of(id)},
                         {"DCAST_HOST", letter.host},
                         {"DCAST_USER", letter.user}};
  auto input = file_of(letter.payload);
  if (!input) return input.error();
  if (::dup2(input->get(), STDIN_FILENO) < 0) return failed("the command's standard input");
  Descriptor own_output;
  if (output != nullptr) {
    own_output = Descriptor(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!own_output.is_open() || ::dup2(output->fd(), STDOUT_FILENO) < 0)
      return failed("the command's standard output");
  }
  auto started = cli::Child::start(program);
  if (output != nullptr && ::dup2(own_output.get(), STDOUT_FILENO) < 0) return failed("standard output");
  if (auto* error = std::get_if<cli::SpawnError>(&started))
    return std::variant<cli::Outcome, cli::SpawnError>(std::move(*error));
  auto& child = std::get<std::unique_ptr<cli::Child>>(started);
  if (until) child->limit(cli::StopCause::max_run, {*until, *until + std::chrono::seconds(2)});
  cli::Outcome outcome = child->run();
  child.reset();
  cli::die_as_interrupted(outcome);
  return std::variant<cli::Outcome, cli::SpawnError>(outcome);
}

bool ends_all(const cli::Outcome& outcome) {
  const int signal = outcome.signal;
  return !outcome.stopped && (signal == SIGTERM || signal == SIGINT || signal == SIGQUIT || signal == SIGHUP);
}

}  // namespace coord::dcast
