// The camera: seen live, and a picture taken of it.

export class Camera {
  constructor(video) {
    this.video = video;
    this.stream = null;
  }

  static get isThere() {
    return Boolean(navigator.mediaDevices?.getUserMedia);
  }

  async start() {
    const video = { facingMode: "user", width: { ideal: 1280 } };
    this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  take() {
    return createImageBitmap(this.video);
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = this.video.srcObject = null;
  }
}
