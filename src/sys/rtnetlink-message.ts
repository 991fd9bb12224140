/** What is asked of the kernel, as type, flags beyond "request", and payload (rtnetlink(7)). */
export interface RouteRequest {
  type: number;
  flags: number;
  payload: Buffer;
}

export const routeType = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
};
