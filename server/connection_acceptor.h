#ifndef DARKROOM_SERVER_CONNECTION_ACCEPTOR_H_
#define DARKROOM_SERVER_CONNECTION_ACCEPTOR_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace darkroom {

// Listens on one address and hands connections to a gRPC server. gRPC's own listener ends for good
// with the first connection for which there is no free file; this one lets connections wait until
// there is. Not thread-safe.
class ConnectionAcceptor {
 public:
  using Recipient = std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor>;

  // Listens on all that HOST:PORT names; callers wait. Port 0 picks one. UNAVAILABLE naming the
  // address that could not be had.
  static absl::StatusOr<ConnectionAcceptor> Listen(const std::string& address);

  ConnectionAcceptor(ConnectionAcceptor&&) = default;
  ~ConnectionAcceptor() { Stop(); }

  // The address with the port really bound.
  const std::string& address() const { return address_; }

  // Accepts, from a thread of its own, for the server that the recipient belongs to and that has
  // started. To be called once.
  void Start(Recipient recipient);
  // Refuses connections from here on, and closes those there are once what has been written to them
  // is sent. For calls that have not been answered they are lost: UNAVAILABLE, while a
  // grpc::Server that shuts down would cancel those that arrive meanwhile.
  void Stop();

 private:
  // A file descriptor.
  class File {
   public:
    explicit File(int fd = -1) : fd_(fd) {}
    File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    File& operator=(File&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~File();
    int get() const { return fd_; }

   private:
    int fd_;
  };

  ConnectionAcceptor(std::string address, std::vector<File> listeners, File stop)
      : address_(std::move(address)), listeners_(std::move(listeners)), stop_(std::move(stop)) {}

  static absl::StatusOr<std::pair<std::vector<File>, int>> Bind(const std::string& host,
                                                                const std::string& port);

  std::string address_;
  std::vector<File> listeners_;
  File stop_;  // Readable once the thread is to end.
  std::thread thread_;
};

}  // namespace darkroom

#endif  // DARKROOM_SERVER_CONNECTION_ACCEPTOR_H_
