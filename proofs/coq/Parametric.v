(* parametric-first-order, parametric-converse, parametric-second-order, parametric-influence, parametric-weight-decay (docs/theory.md,
   Parametric elasticity): any differentiable model with d parameters, code lengths L of parameters x : nat -> R. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit.
Open Scope R_scope.

(* Differentiable, in the form that everything here uses: along every differentiable path through x the derivative of L is g.v
   (Hadamard's derivative; for finitely many parameters the same as the usual one). *)
Definition path d (th : R -> nat -> R) s (v : nat -> R) := forall c, (c < d)%nat -> is_derive (fun u => th u c) s (v c).
Definition has_gradient d (L : (nat -> R) -> R) x g := forall th s v, th s = x -> path d th s v -> is_derive (fun u => L (th u)) s (inner d g v).

Lemma inner_sum d N (n : nat -> R) (g : nat -> nat -> R) v : (Σ i < N, n i * inner d (g i) v) = inner d (fun c => Σ i < N, n i * g i c) v.
Proof.
  unfold inner. rewrite (Sum_ext N _ (fun i => Σ c < d, v c * (n i * g i c))).
  - rewrite Sum_swap. apply Sum_ext. intros c _. rewrite Sum_scal. ring.
  - intros i _. rewrite <- Sum_scal. apply Sum_ext; intros; ring.
Qed.
Lemma inner_sym d a b : inner d a b = inner d b a.
Proof. apply Sum_ext; intros; ring. Qed.

Section FirstOrder.
Variables (d N : nat) (n : nat -> R) (L : nat -> (nat -> R) -> R) (g : nat -> nat -> R) (x : nat -> R).
Hypothesis smooth : forall i, (i < N)%nat -> has_gradient d (L i) x (g i).
(* whatever the path: SGD, Adam, any preconditioner. The residual r = Σ n_i g_i says how far the total is from stationary. *)
Lemma first_order_law th s v : th s = x -> path d th s v ->
  (Σ i < N, n i * Derive (fun u => L i (th u)) s) = inner d (fun c => Σ i < N, n i * g i c) v.
Proof.
  intros E P. rewrite <- inner_sum. apply Sum_ext. intros i Hi. f_equal. apply is_derive_unique, smooth; auto.
Qed.
Lemma stationary_law th s v : (forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> th s = x -> path d th s v ->
  (Σ i < N, n i * Derive (fun u => L i (th u)) s) = 0.
Proof. intros R E P. rewrite (first_order_law th s v E P). apply Sum_zero. intros c Hc. rewrite R by auto. ring. Qed.
Theorem parametric_first_order th s v : th s = x -> path d th s v ->
  (Σ i < N, n i * Derive (fun u => L i (th u)) s) = inner d (fun c => Σ i < N, n i * g i c) v /\
  ((forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> (Σ i < N, n i * Derive (fun u => L i (th u)) s) = 0).
Proof. intros E P. split; [apply first_order_law|intros R; apply (stationary_law th s v R)]; auto. Qed.
(* weight decay moves the fixed point: where the total plus lambda/2 |x|^2 is stationary the residual is - lambda x *)
Theorem parametric_weight_decay lambda :
  let shift c s e := x e + (if Nat.eqb e c then s else 0) in
  (forall c, (c < d)%nat -> is_derive (fun s => (Σ i < N, n i * L i (shift c s)) + lambda / 2 * (Σ e < d, shift c s e * shift c s e)) 0 0) ->
  (forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = - lambda * x c) /\
  forall th s v, th s = x -> path d th s v -> (Σ i < N, n i * Derive (fun u => L i (th u)) s) = - lambda * inner d x v.
Proof.
  intros shift S.
  assert (R : forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = - lambda * x c).
  { intros c Hc. set (e1 := fun e => if Nat.eqb e c then 1 else 0).
    assert (P : path d (shift c) 0 e1).
    { intros e _. unfold shift, e1. destruct (Nat.eqb e c); auto_derive; auto. }
    assert (X0 : forall e, shift c 0 e = x e) by (intros e; unfold shift; destruct (Nat.eqb e c); ring).
    assert (pick : forall f, inner d f e1 = f c).
    { intros f. rewrite <- (Sum_delta d c f Hc). apply Sum_ext. intros e _. unfold e1. destruct (Nat.eqb e c); ring. }
    assert (D : is_derive (fun s => (Σ i < N, n i * L i (shift c s)) + lambda / 2 * (Σ e < d, shift c s e * shift c s e)) 0
      ((Σ i < N, n i * inner d (g i) e1) + lambda / 2 * Σ e < d, (e1 e * shift c 0 e + shift c 0 e * e1 e))).
    { apply derive_plus.
      - apply (derive_Sum N (fun i s => n i * L i (shift c s))). intros i Hi. apply derive_scal. apply (smooth i Hi (shift c) 0 e1); auto.
        apply functional_extensionality. exact X0.
      - apply derive_scal. apply (derive_Sum d (fun e s => shift c s e * shift c s e)). intros e He.
        apply (derive_mult (fun s => shift c s e) (fun s => shift c s e)); apply P; auto. }
    pose proof (derive_unique _ _ _ _ D (S c Hc)) as E.
    rewrite (Sum_ext N _ (fun i => n i * g i c)) in E by (intros; rewrite pick; reflexivity).
    rewrite (Sum_ext d _ (fun e => 2 * (x e * e1 e))) in E by (intros; rewrite X0; ring). rewrite Sum_scal in E.
    change (Σ e < d, x e * e1 e) with (inner d x e1) in E. rewrite pick in E. lra. }
  split; [exact R|]. intros th s v E P. rewrite (first_order_law th s v E P). unfold inner. rewrite <- Sum_scal.
  apply Sum_ext. intros c Hc. rewrite R by auto. ring.
Qed.
End FirstOrder.

(* the ratio is -k in every direction only at a stationary point of k L_p + L_a *)
Lemma converse d k gp ga : (forall v, inner d ga v = - k * inner d gp v) <-> forall c, (c < d)%nat -> k * gp c + ga c = 0.
Proof.
  split.
  - intros H c Hc. specialize (H (fun e => if Nat.eqb e c then 1 else 0)).
    assert (pick : forall f, inner d f (fun e => if Nat.eqb e c then 1 else 0) = f c).
    { intros f. rewrite <- (Sum_delta d c f Hc). apply Sum_ext. intros e _. destruct (Nat.eqb e c); ring. }
    rewrite !pick in H. lra.
  - intros H v. unfold inner. rewrite <- Sum_scal. apply Sum_ext. intros c Hc. specialize (H c Hc).
    replace (ga c) with (- k * gp c) by lra. ring.
Qed.

(* So k can be measured: where the cosine of the gradients is -1, k_eff = |ga| / |gp|, and the pair is stationary for that k alone. *)
Theorem parametric_converse d gp ga :
  (forall k, (forall v, inner d ga v = - k * inner d gp v) <-> forall c, (c < d)%nat -> k * gp c + ga c = 0) /\
  (0 < inner d gp gp -> inner d ga gp = - (sqrt (inner d ga ga) * sqrt (inner d gp gp)) ->
    forall k, (forall c, (c < d)%nat -> k * gp c + ga c = 0) <-> k = sqrt (inner d ga ga) / sqrt (inner d gp gp)).
Proof.
  split; [intros k; apply converse|]. intros P C k. set (a := inner d ga ga) in *. set (b := inner d gp gp) in *.
  assert (A : 0 <= a) by (apply Sum_nonneg; intros; apply Rle_0_sqr).
  assert (Sb : 0 < sqrt b) by (apply sqrt_lt_R0, P). pose proof (sqrt_sqrt a A) as SA. pose proof (sqrt_sqrt b (Rlt_le _ _ P)) as SB.
  set (r := sqrt a / sqrt b).
  assert (Q : forall u, (Σ c < d, Rsqr (u * gp c + ga c)) = u * u * b + 2 * u * inner d ga gp + a).
  { intros u. unfold a, b, inner. rewrite <- !Sum_scal, <- !Sum_plus. apply Sum_ext. intros; unfold Rsqr; ring. }
  assert (E : forall u, (Σ c < d, Rsqr (u * gp c + ga c)) = b * Rsqr (u - r)).
  { intros u. rewrite Q, C. unfold r, Rsqr. rewrite <- SA at 2. rewrite <- SB at 1 3. field. lra. }
  split.
  - intros H. assert (Z : b * Rsqr (k - r) = 0) by (rewrite <- E; apply Sum_zero; intros c Hc; rewrite H by auto; unfold Rsqr; ring).
    apply Rmult_integral in Z as [Z|Z]; [lra|]. apply Rsqr_0_uniq in Z. lra.
  - intros -> c Hc. apply Rsqr_0_uniq. refine (Sum_null d (fun c => Rsqr (r * gp c + ga c)) (fun _ _ => Rle_0_sqr _) _ c Hc).
    rewrite E. unfold Rsqr. ring.
Qed.

(* --- second order: after more than a first step both can lose --- *)
Lemma second_order (phi dphi : R -> R) h : (forall s, is_derive phi s (dphi s)) -> dphi 0 = 0 -> is_derive dphi 0 h ->
  forall eps, 0 < eps -> exists del, 0 < del /\ forall s, 0 < s < del -> Rabs (phi s - phi 0 - h / 2 * (s * s)) <= eps * (s * s).
Proof.
  intros D Z D2 eps He. apply is_derive_Reals in D2. destruct (D2 eps He) as [del Hd]. exists del. split; [apply cond_pos|].
  intros s Hs. destruct (MVT_gen (fun u => phi u - h / 2 * (u * u)) 0 s (fun u => dphi u - h * u)) as [c [Hc E]].
  - intros u _. apply (derive_minus phi (fun u => h / 2 * (u * u))); auto. auto_derive; auto. field.
  - intros u _. apply derivable_continuous_pt. exists (dphi u - h * u). apply is_derive_Reals.
    apply (derive_minus phi (fun u => h / 2 * (u * u))); auto. auto_derive; auto. field.
  - rewrite Rmin_left, Rmax_right in Hc by lra.
    replace (phi s - phi 0 - h / 2 * (s * s)) with ((dphi c - h * c) * s) by (rewrite <- (Rminus_0_r s), <- E at 1; ring_simplify; lra).
    assert (B : Rabs (dphi c - h * c) <= eps * c).
    { destruct (Req_dec c 0) as [->|N]; [rewrite Z; replace (0 - h * 0) with 0 by ring; rewrite Rabs_R0; lra|].
      specialize (Hd c N). rewrite Rplus_0_l, Z, Rminus_0_r in Hd. rewrite Rabs_right in Hd by lra. specialize (Hd ltac:(lra)).
      replace (dphi c - h * c) with ((dphi c / c - h) * c) by (field; auto). rewrite Rabs_mult, (Rabs_right c) by lra.
      apply Rmult_le_compat_r; lra. }
    rewrite Rabs_mult, (Rabs_right s) by lra. rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
    eapply Rle_trans; [exact B|]. apply Rmult_le_compat_l; lra.
Qed.
(* k L_p + L_a with a positive second derivative: small steps of any sign never let both gain *)
Lemma not_both_gain k (Lp La dphi : R -> R) h : 0 < k -> (forall s, is_derive (fun s => k * Lp s + La s) s (dphi s)) -> dphi 0 = 0 ->
  is_derive dphi 0 h -> 0 < h -> exists del, 0 < del /\ forall s, 0 < s < del -> Lp 0 < Lp s \/ La 0 < La s.
Proof.
  intros K D Z D2 H. destruct (second_order _ _ h D Z D2 (h / 4)) as [del [Hd B]]; [lra|]. exists del. split; auto.
  intros s Hs. specialize (B s Hs). apply Rabs_le_between in B.
  assert (0 < h / 4 * (s * s)) by pos. destruct (Rlt_dec (Lp 0) (Lp s)); auto. right.
  assert (k * Lp s <= k * Lp 0) by (apply Rmult_le_compat_l; lra). lra.
Qed.

(* k ΔL_p + ΔL_a = h/2 s² + o(s²) along a path from a stationary point; so after more than a first step both can lose *)
Theorem parametric_second_order k (Lp La dphi : R -> R) h : 0 < k -> (forall s, is_derive (fun s => k * Lp s + La s) s (dphi s)) -> dphi 0 = 0 ->
  is_derive dphi 0 h ->
  (forall eps, 0 < eps -> exists del, 0 < del /\ forall s, 0 < s < del ->
    Rabs (k * (Lp s - Lp 0) + (La s - La 0) - h / 2 * (s * s)) <= eps * (s * s)) /\
  (0 < h -> exists del, 0 < del /\ forall s, 0 < s < del -> Lp 0 < Lp s \/ La 0 < La s).
Proof.
  intros K D Z D2. split; [|intros H; apply (not_both_gain k Lp La dphi h); auto].
  intros eps He. destruct (second_order (fun s => k * Lp s + La s) dphi h D Z D2 eps He) as [del [Hd B]]. exists del. split; auto.
  intros s Hs. specialize (B s Hs). replace (k * (Lp s - Lp 0) + (La s - La 0) - h / 2 * (s * s)) with (k * Lp s + La s - (k * Lp 0 + La 0) - h / 2 *
    (s * s)) by ring.
  exact B.
Qed.
(* Where both are quadratic along the step, and the total k L_p + L_a is stationary at its start: with a = L_a'(0) > 0, curvatures hp > 0
   and ha, and h = k hp + ha that of the total, L_p falls until a/(h - ha) and is back where it was at twice that; alignment has lost what is said; past that both have lost. *)
Theorem parametric_second_order_turn k a hp ha Lp0 La0 : 0 < k -> 0 < a -> 0 < hp ->
  let Lp s := Lp0 - a / k * s + hp / 2 * (s * s) in let La s := La0 + a * s + ha / 2 * (s * s) in let h := k * hp + ha in
  let turn := a / (h - ha) in
  (forall s, Derive Lp s < 0 <-> s < turn) /\ Lp (2 * turn) = Lp 0 /\
  La turn - La 0 = a * a / (h - ha) + ha / 2 * (turn * turn) /\ La (2 * turn) - La 0 = 2 * (a * a) / (h - ha) + 2 * ha * (turn * turn) /\
  (ha = 0 -> turn = a / h /\ La turn - La 0 = a * a / h /\ La (2 * turn) - La 0 = 2 * (a * a) / h) /\
  (0 <= ha -> forall s, 2 * turn < s -> Lp 0 < Lp s /\ La 0 < La s).
Proof.
  intros K A H Lp La h turn. assert (E : h - ha = k * hp) by (unfold h; ring). assert (P : 0 < k * hp) by pos.
  assert (D : forall s, Derive Lp s = hp * (s - turn)).
  { intros s. apply is_derive_unique. unfold Lp. auto_derive; auto. unfold turn. rewrite E. field. lra. }
  assert (T0 : 0 < turn) by (unfold turn; rewrite E; pos).
  repeat split.
  - rewrite D. intros X. assert (s - turn < 0); [|lra]. destruct (Rlt_or_le (s - turn) 0); auto.
    assert (0 <= hp * (s - turn)) by (apply Rmult_le_pos; lra). lra.
  - rewrite D. intros X. nra.
  - unfold Lp, turn. rewrite E. field. lra.
  - unfold La, turn. rewrite E. field. lra.
  - unfold La, turn. rewrite E. field. lra.
  - unfold turn. rewrite H0. f_equal. ring.
  - unfold La, turn. rewrite H0. field. unfold h. lra.
  - unfold La, turn. rewrite H0. field. unfold h. lra.
  - assert (X : Lp s - Lp 0 = hp / 2 * (s * (s - 2 * turn))) by (unfold Lp, turn; rewrite E; field; lra).
    assert (0 < hp / 2 * (s * (s - 2 * turn))) by (apply Rmult_lt_0_compat; [lra|apply Rmult_lt_0_compat; lra]). lra.
  - unfold La. assert (0 < a * s) by (apply Rmult_lt_0_compat; lra). assert (0 <= ha / 2 * (s * s)) by (apply Rmult_le_pos; [lra|apply Rle_0_sqr]). lra.
Qed.

(* --- influence of a volume: H x_t = - g_t is how the minimum moves with n_t --- *)
Section Influence.
Variables (d N : nat) (n : nat -> R) (g : nat -> nat -> R) (H : nat -> nat -> R) (x : nat -> nat -> R).
Definition apply (A : nat -> nat -> R) v c := inner d (A c) v.
Hypothesis symmetric_H : forall b c, H b c = H c b.
Hypothesis response : forall t c, (t < N)%nat -> (c < d)%nat -> apply H (x t) c = - g t c.
Definition J i t := inner d (g i) (x t).
Lemma H_sym u v : inner d u (apply H v) = inner d (apply H u) v.
Proof.
  unfold inner, apply, inner.
  rewrite (Sum_ext d _ (fun b => Σ c < d, u b * H b c * v c)) by (intros; rewrite <- Sum_scal; apply Sum_ext; intros; ring).
  rewrite Sum_swap. apply Sum_ext. intros c _. rewrite Rmult_comm, <- Sum_scal. apply Sum_ext; intros b _. rewrite (symmetric_H b c). ring.
Qed.
Lemma J_quadratic i t : (i < N)%nat -> J i t = - inner d (apply H (x i)) (x t).
Proof.
  intros Hi. unfold J, inner. rewrite <- Sum_opp. apply Sum_ext. intros c Hc. rewrite response by auto. ring.
Qed.
Lemma influence_symmetric i t : (i < N)%nat -> (t < N)%nat -> J i t = J t i.
Proof. intros Hi Ht. rewrite !J_quadratic by auto. rewrite <- H_sym, inner_sym. reflexivity. Qed.
Lemma influence_conserved t : (forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> (Σ i < N, n i * J i t) = 0.
Proof. intros R. unfold J. rewrite inner_sum. apply Sum_zero. intros c Hc. rewrite R by auto. ring. Qed.
Hypothesis positive : forall v, 0 <= inner d (apply H v) v /\ (inner d (apply H v) v = 0 -> forall c, (c < d)%nat -> v c = 0).
Lemma influence_own t : (t < N)%nat -> J t t <= 0 /\ (J t t = 0 <-> forall c, (c < d)%nat -> g t c = 0).
Proof.
  intros Ht. destruct (positive (x t)) as [P Z]. split; [rewrite J_quadratic by auto; lra|split].
  - intros E c Hc. rewrite J_quadratic in E by auto. assert (g t c = - apply H (x t) c) as -> by (rewrite response by auto; ring).
    unfold apply, inner. rewrite Sum_zero; [ring|]. intros b Hb. rewrite (Z ltac:(lra) b Hb). ring.
  - intros E. apply Sum_zero. intros c Hc. rewrite E by auto. ring.
Qed.
(* symmetric; conserved, if the total is stationary; own rate; and the overlap criterion, in the inner product of H^-1: y is H^-1 g_t *)
Theorem parametric_influence i t : (i < N)%nat -> (t < N)%nat -> J i t = J t i /\
  ((forall c, (c < d)%nat -> (Σ i < N, n i * g i c) = 0) -> (Σ i < N, n i * J i t) = 0) /\
  J t t <= 0 /\ (J t t = 0 <-> forall c, (c < d)%nat -> g t c = 0) /\
  (forall y, (forall c, (c < d)%nat -> apply H y c = g t c) -> J i t = - inner d (g i) y /\ (0 < J i t <-> inner d (g i) y < 0)).
Proof.
  intros Hi Ht. split; [apply influence_symmetric; auto|split; [apply influence_conserved|]]. destruct (influence_own t Ht) as [A B].
  split; [exact A|split; [exact B|]]. intros y Hy.
  assert (E : J i t = - inner d (g i) y); [|split; [exact E|rewrite E; split; lra]].
  set (u c := x t c + y c). assert (Hu : forall c, (c < d)%nat -> apply H u c = 0).
  { intros c Hc. assert (apply H u c = apply H (x t) c + apply H y c) as ->; [|rewrite response, Hy by auto; ring].
    unfold apply, inner, u. rewrite <- Sum_plus. apply Sum_ext; intros; ring. }
  destruct (positive u) as [_ Z]. assert (U : forall c, (c < d)%nat -> u c = 0).
  { apply Z. apply Sum_zero. intros c Hc. rewrite Hu by auto. ring. }
  unfold J, inner. rewrite <- Sum_opp. apply Sum_ext. intros c Hc. specialize (U c Hc). unfold u in U. replace (x t c) with (- y c) by lra. ring.
Qed.
End Influence.

(* the response equation itself: along a differentiable branch of minima of Σ n_i L_i + s L_t *)
Theorem parametric_influence_response d N n (t : nat) (grad : nat -> nat -> (nat -> R) -> R) (hess : nat -> nat -> nat -> R) th v eps :
  (forall i c, (i < N)%nat -> (c < d)%nat -> has_gradient d (grad i c) (th 0) (hess i c)) -> (t < N)%nat -> path d th 0 v ->
  0 < eps -> (forall s c, Rabs s < eps -> (c < d)%nat -> (Σ i < N, n i * grad i c (th s)) + s * grad t c (th s) = 0) ->
  forall c, (c < d)%nat -> inner d (fun e => Σ i < N, n i * hess i c e) v = - grad t c (th 0).
Proof.
  intros S Ht P He stationary c Hc.
  assert (A : is_derive (fun s => (Σ i < N, n i * grad i c (th s)) + s * grad t c (th s)) 0
    (Σ i < N, n i * inner d (hess i c) v + (1 * grad t c (th 0) + 0 * inner d (hess t c) v))).
  { apply derive_plus.
    - apply (derive_Sum N (fun i s => n i * grad i c (th s))). intros i Hi. apply derive_scal, S; auto.
    - apply (derive_mult (fun s => s) (fun s => grad t c (th s))); [apply (is_derive_id (K := R_AbsRing))|apply S; auto]. }
  assert (B : is_derive (fun s => (Σ i < N, n i * grad i c (th s)) + s * grad t c (th s)) 0 0).
  { apply (is_derive_ext_loc (fun _ => 0)); [|apply derive_const]. exists (mkposreal eps He). intros s Hs. symmetry. apply stationary; auto.
    unfold ball in Hs. simpl in Hs. unfold AbsRing_ball, abs, minus, plus, opp in Hs. simpl in Hs. rewrite Ropp_0, Rplus_0_r in Hs. exact Hs. }
  pose proof (derive_unique _ _ _ _ A B) as E. rewrite <- (inner_sum d N n (fun i => hess i c)). lra.
Qed.
